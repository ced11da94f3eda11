package terminal

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/display"
	"picket.internal/display/sentence"
	"picket.internal/fact"
)

// Hosts prints a table of hosts, or one document each. It returns how many
// there were.
func (p *Printer) Hosts(hosts iter.Seq2[api.Host, error]) (n int, err error) {
	t := table{header: []string{"HOST", "STATE", "LAST SEEN", "SENSOR", "FACTS", "ALERTS", "LOST", "ID"}, cut: []int{3, 0}}
	for h, err := range hosts {
		if err != nil {
			return n, err
		}
		n++
		if p.o.JSON {
			if err := p.Document(&h); err != nil {
				return n, err
			}
			continue
		}
		t.rows = append(t.rows, p.hostRow(&h))
	}
	if p.o.JSON || n == 0 {
		return n, nil
	}
	return n, p.write(p.table(&t))
}

func (p *Printer) hostRow(h *api.Host) []cell {
	lost := plain
	if h.Dropped > 0 {
		lost = warning
	}
	state, s := hostState(h)
	return []cell{
		{text: h.Name}, {text: state, style: s}, {text: p.ago(h.LastSeen)}, {text: h.Sensor.Version},
		{text: number(h.Facts), right: true}, {text: number(h.Alerts), right: true},
		{text: number(h.Dropped), right: true, style: lost}, {text: h.ID, whole: true},
	}
}

// hostState is a host's state in a word, the most pressing first.
func hostState(h *api.Host) (string, style) {
	switch {
	case h.State == api.HostSuspect:
		return "suspect", bad
	case h.State == api.HostPending:
		return "pending", warning
	case h.State == api.HostDisabled:
		return "disabled", faint
	case h.PinnedSHA256 != "" && h.Sensor.SHA256 != "" && h.Sensor.SHA256 != h.PinnedSHA256:
		return "CHANGED", bad // the sensor's binary is not the one that the hub knows
	case h.Silent:
		return "SILENT", bad
	case h.State == api.HostEnrolled:
		return "up", good
	default:
		return h.State, plain
	}
}

// Facts prints facts, one line or one document each, as they come. It returns
// how many there were.
func (p *Printer) Facts(facts iter.Seq2[api.StoredFact, error]) (n int, err error) {
	for f, err := range facts {
		if err != nil {
			return n, err
		}
		if err := p.Fact(&f); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// kindWidth holds the longest kind of fact.
const kindWidth = len("integrity")

// Fact prints one fact on one line, or as a document.
func (p *Printer) Fact(s *api.StoredFact) error {
	if p.o.JSON {
		return p.Document(s)
	}
	f, _, err := fact.Parse(s.Fact)
	if err != nil {
		return p.write(p.row(cell{text: p.when(s.Received), width: clockWidth}, cell{text: "a fact that this program cannot read: " + err.Error()}))
	}
	p.mu.Lock()
	p.fit.host = max(p.fit.host, minHost, min(display.Width(display.Line(hostName(f.Host))), maxHost))
	p.fit.when = max(p.fit.when, len(p.when(f.Time)))
	fit := p.fit
	p.mu.Unlock()
	room := max(p.columns()-fit.when-gap-fit.host-gap-kindWidth-gap, minText)
	return p.write(p.row(
		cell{text: p.when(f.Time), width: fit.when},
		cell{text: hostName(f.Host), width: fit.host, path: true},
		cell{text: string(f.Kind), width: kindWidth},
		cell{text: sentence.Fact(f), width: room},
	))
}

// table is rows of cells whose columns are as wide as their widest cell.
type table struct {
	header []string
	rows   [][]cell
	cut    []int // the columns that give way where there is no room, first to last
}

func (p *Printer) table(t *table) string {
	widths := make([]int, len(t.header))
	for i, title := range t.header {
		widths[i] = len(title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], display.Width(display.Line(row[i].text)))
		}
	}
	if p.o.Width > 0 {
		t.squeeze(widths, p.columns())
	}
	var b strings.Builder
	header := make([]cell, len(t.header))
	for i, title := range t.header {
		header[i] = cell{text: title, width: widths[i], style: faint, right: t.rows[0][i].right}
	}
	b.WriteString(p.row(header...))
	for _, row := range t.rows {
		for i := range row {
			row[i].width = widths[i]
		}
		b.WriteString(p.row(row...))
	}
	return b.String()
}

// squeeze takes room from the columns that may be cut, down to a width that
// still says something.
func (t *table) squeeze(widths []int, room int) {
	const least = 10
	over := gap*(len(widths)-1) - room
	for _, w := range widths {
		over += w
	}
	for _, i := range t.cut {
		if give := min(over, widths[i]-least); give > 0 {
			widths[i] -= give
			over -= give
		}
	}
}

// ago is how long ago a time was, in the largest unit that says enough.
func (p *Printer) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := p.o.Now().Sub(t)
	switch {
	case d < time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// number groups digits by three, as in 18 234.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

func joinErrors(first, second error) error {
	if first == nil {
		return second
	}
	return errors.Join(first, second)
}
