package terminal

import (
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"picket.internal/api"
	"picket.internal/display"
	"picket.internal/display/sentence"
	"picket.internal/fact"
)

// The columns of an alert: time, severity, host, what, rule.
const (
	gap        = 2
	clockWidth = len("15:04:05")
	dayWidth   = len("06 May 15:04")
	wordWidth  = len("CRITICAL")
	minHost    = 4
	maxHost    = 14
	minRule    = 16
	maxRule    = 26
	minTitle   = 20
	minSubject = 8  // a subject cut shorter says nothing
	minText    = 24 // what is left to other texts that give way
	hashDigits = 6
)

// columns are the widths that follow what is printed. They only grow, so that
// rows stay aligned with those before as well as they can.
type columns struct{ when, host, rule int }

// AlertEvent is an alert on its way to a script that also hears other events.
type AlertEvent struct {
	Event string     `json:"event"` // "alert"
	Alert *api.Alert `json:"alert"`
}

// Alert prints an alert as it comes: two lines, or the document {"event":
// "alert", "alert": …}.
func (p *Printer) Alert(a *api.Alert) error {
	if p.o.JSON {
		return p.Document(AlertEvent{"alert", a})
	}
	return p.alert(a, "")
}

// AlertAfter is Alert with the time that it took from cause to stored alert.
func (p *Printer) AlertAfter(a *api.Alert, latency time.Duration) error {
	if p.o.JSON {
		return p.Document(AlertEvent{"alert", a})
	}
	return p.alert(a, took(latency))
}

// measured is how many alerts of a list are looked at before the first is
// printed, so that its columns fit them.
const measured = 100

// Alerts prints a list of alerts, two lines each, or one document each. It
// returns how many there were.
func (p *Printer) Alerts(alerts iter.Seq2[api.Alert, error]) (n int, err error) {
	var first []api.Alert
	flush := func() error {
		for i := range first {
			p.measure(&first[i])
		}
		for i := range first {
			if err := p.listed(&first[i]); err != nil {
				return err
			}
		}
		first = nil
		return nil
	}
	for a, err := range alerts {
		if err != nil {
			return n, joinErrors(flush(), err)
		}
		n++
		if first = append(first, a); n%measured == 0 {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	return n, flush()
}

func (p *Printer) listed(a *api.Alert) error {
	if p.o.JSON {
		return p.Document(a)
	}
	return p.alert(a, "")
}

// measure widens the columns to what the alert needs.
func (p *Printer) measure(a *api.Alert) columns {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fit.host = max(p.fit.host, minHost, min(display.Width(display.Line(hostName(a.Host))), maxHost))
	p.fit.when = max(p.fit.when, len(p.when(a.Time)))
	p.fit.rule = max(p.fit.rule, minRule, min(display.Width(display.Line(a.Rule.ID)), maxRule))
	return p.fit
}

func (p *Printer) alert(a *api.Alert, latency string) error {
	fit := p.measure(a)
	f := sentence.First(a)
	left := fit.when + gap + wordWidth + gap
	rule := max(display.Width(display.Line(a.Rule.ID)), fit.rule)
	room := max(p.columns()-left-fit.host-gap-gap-rule, minTitle)
	top := p.row(
		cell{text: p.when(a.Time), width: fit.when},
		cell{text: strings.ToUpper(a.Severity), width: wordWidth, style: severityStyle(a.Severity)},
		cell{text: hostName(a.Host), width: fit.host, path: true},
		cell{text: p.heading(a, f, room), width: room},
		cell{text: a.Rule.ID, whole: true},
	)
	text := top + strings.Repeat(" ", left) + p.evidence(a, f, p.columns()-left, latency)
	if more := sentence.More(a, p.o.Now()); more != "" {
		text += strings.Repeat(" ", left) + p.row(cell{text: more, width: p.columns() - left})
	}
	return p.write(text)
}

// heading is the rule's title and what it is about here, with what makes this
// alert unlike its first. Where there is no room for both, the subject gives
// way, in its middle; a room of 0 is endless.
func (p *Printer) heading(a *api.Alert, f *fact.Fact, room int) string {
	title, end := sentence.Heading(a, &fact.Fact{}), ""
	if a.Shadow {
		title = "(on trial) " + title
	}
	if a.Count > 1 {
		end = fmt.Sprintf(" ×%d", a.Count)
	}
	subject := p.short(sentence.Subject(f))
	if subject == "" {
		return title + end
	}
	title += ": "
	left := room - display.Width(display.Line(title)) - display.Width(end)
	if p.o.Width > 0 && left >= minSubject && left < display.Width(display.Line(subject)) {
		return title + cutRaw(subject, left) + end
	}
	return title + subject + end
}

// cutRaw cuts the middle out of a text that is not escaped yet, so that it
// takes at most width columns once it is.
func cutRaw(text string, width int) string {
	head, tail := text, text
	for display.Width(display.Line(head)) > (width-1)/3 {
		_, size := utf8.DecodeLastRuneInString(head)
		head = head[:len(head)-size]
	}
	for display.Width(display.Line(tail)) > width-1-(width-1)/3 {
		_, size := utf8.DecodeRuneInString(tail)
		tail = tail[size:]
	}
	return head + display.Ellipsis + tail
}

// evidence is the second line: the process with its parents, its hash and what
// is odd about it; else what the rule says.
func (p *Printer) evidence(a *api.Alert, f *fact.Fact, room int, latency string) string {
	end := ending(f, latency)
	odd := strings.Join(sentence.Verdicts(a, f), ", ")
	for _, c := range end {
		room -= gap + display.Width(display.Line(c.text))
	}
	if odd != "" {
		need := min(display.Width(display.Line(sentence.Executable(f.Process)+identity(f))), room/2)
		verdicts := cell{text: odd, width: min(display.Width(odd), max(room-gap-need, minText))}
		room -= gap + verdicts.width
		end = append(end, verdicts)
	}
	head := cell{text: p.message(a, f), width: max(room, minText)}
	if f.Process != nil {
		head = cell{text: p.process(f, room), whole: true}
	}
	return p.row(append([]cell{head}, end...)...)
}

// process is the executable, its identity and as many of its parents as fit,
// the nearest first. The executable gives way last: it is what people look for.
func (p *Printer) process(f *fact.Fact, room int) string {
	executable := p.short(sentence.Executable(f.Process))
	if executable == "" {
		executable = "a process"
	}
	identity := identity(f)
	chain := sentence.Chain(f.Process)
	if p.o.Width == 0 {
		return executable + identity + chainWords(chain, len(chain))
	}
	room -= display.Width(display.Line(identity))
	if width := max(room, minText/2); display.Width(display.Line(executable)) > width {
		return cutRaw(executable, width) + identity
	}
	room -= display.Width(display.Line(executable))
	for n := len(chain); n > 0; n-- {
		if words := chainWords(chain, n); display.Width(display.Line(words)) <= room {
			return executable + identity + words
		}
	}
	return executable + identity
}

func identity(f *fact.Fact) string {
	if id := sentence.Identity(f); id != "" {
		return " (" + id + ")"
	}
	return ""
}

// chainWords are the nearest n of a process's ancestors.
func chainWords(chain []string, n int) string {
	words := ""
	for _, name := range chain[:n] {
		words += " ← " + name
	}
	if n < len(chain) {
		words += " ← " + display.Ellipsis
	}
	return words
}

// ending is what stands at the end of the second line, never cut.
func ending(f *fact.Fact, latency string) []cell {
	var cells []cell
	if latency != "" {
		cells = append(cells, cell{text: latency, whole: true})
	}
	if sum := sentence.SHA256(f.Process); sum != "" {
		cells = append(cells, cell{text: "sha256 " + sum[:min(hashDigits, len(sum))] + display.Ellipsis, whole: true})
	}
	return cells
}

// message is the second line of an alert without a process.
func (p *Printer) message(a *api.Alert, f *fact.Fact) string {
	switch {
	case f.Kind == fact.KindCanary:
		return "by a process that is not known"
	case f.Kind == fact.KindIntegrity:
		return sentence.Fact(f)
	case a.Message != "":
		return a.Message
	default:
		return a.ID
	}
}

func hostName(h fact.Host) string {
	if h.Name != "" {
		return h.Name
	}
	return h.ID
}

// when is a time as the reader's clock shows it, with the day where it is
// another one.
func (p *Printer) when(t time.Time) string {
	t, now := t.In(p.o.Zone), p.o.Now().In(p.o.Zone)
	switch {
	case t.IsZero():
		return "never"
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04:05")
	case now.Sub(t) < 300*24*time.Hour:
		return t.Format("02 Jan 15:04")
	default:
		return t.Format("02 Jan 2006")
	}
}

// took is how long something took.
func took(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
