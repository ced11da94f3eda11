package terminal

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/display"
	"picket.internal/display/sentence"
)

// More prints on one line that an alert that was printed before goes on, or the
// hub's word for it as a document.
func (p *Printer) More(a *api.Alert, growth *api.AlertGrowth) error {
	if p.o.JSON {
		return p.Document(growth)
	}
	grown := *a
	grown.Count, grown.Last = growth.Count, growth.Last
	fit := p.measure(a)
	rule := max(display.Width(display.Line(a.Rule.ID)), fit.rule)
	room := max(p.columns()-fit.when-gap-wordWidth-gap-fit.host-gap-gap-rule, minTitle)
	words := sentence.More(&grown, p.o.Now()) + ": "
	grown.Count = 1 // the words say it
	return p.write(p.row(
		cell{text: p.when(growth.Last), width: fit.when},
		cell{text: strings.ToUpper(a.Severity), width: wordWidth, style: severityStyle(a.Severity)},
		cell{text: hostName(a.Host), width: fit.host, path: true},
		cell{text: words + p.heading(&grown, sentence.First(a), room-len(words)), width: room},
		cell{text: a.Rule.ID, whole: true},
	))
}

// AlertFacts prints the facts that are linked to an alert, newest first, and
// last of all what is not linked and how to find it. Pages are those of a hub.
func (p *Printer) AlertFacts(pages iter.Seq2[api.AlertFacts, error]) error {
	var last api.AlertFacts
	for page, err := range pages {
		if err != nil {
			return err
		}
		if last.Alert == "" && !p.o.JSON {
			if err := p.write(fmt.Sprintf("\n%d of its facts, the newest first\n", page.Linked)); err != nil {
				return err
			}
		}
		for i := range page.Facts {
			if err := p.linkedFact(&page.Facts[i]); err != nil {
				return err
			}
		}
		page.Unreadable += last.Unreadable
		page.Facts = nil
		last = page
	}
	if p.o.JSON {
		last.Facts = []api.LinkedFact{}
		return p.Document(&alertFactsSummary{Event: "summary", AlertFacts: last})
	}
	return p.unlinked(&last)
}

// alertFactsSummary is the last document of an alert's facts.
type alertFactsSummary struct {
	Event string `json:"event"` // "summary"
	api.AlertFacts
}

func (p *Printer) linkedFact(f *api.LinkedFact) error {
	if p.o.JSON {
		return p.Document(f)
	}
	stored := f.Stored()
	return p.Fact(&stored)
}

func (p *Printer) unlinked(a *api.AlertFacts) error {
	if a.Unreadable > 0 {
		p.Note("%d of its facts could not be read; the hub's log says why", a.Unreadable)
	}
	if a.Unlinked == 0 || a.Elsewhere == nil {
		return nil
	}
	e := a.Elsewhere
	command := "picket facts query --host " + e.Host
	if e.Kind != "" {
		command += " --kind " + e.Kind
	}
	return p.write(p.row(cell{text: fmt.Sprintf("%d more are counted and not linked; they are among the facts of", a.Unlinked), whole: true}) +
		p.row(cell{text: "    " + command + " --since " + e.Since.Format(time.RFC3339Nano) + " --until " + e.Until.Format(time.RFC3339Nano), whole: true}))
}
