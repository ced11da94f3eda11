package local

import (
	"fmt"
	"io"
	"strings"
	"time"

	"picket.internal/terminal"
)

// demoReporter shows how the demo goes.
type demoReporter struct {
	*terminal.Printer
	out  io.Writer
	json bool
}

func newDemoReporter(o terminal.Options) demoReporter {
	return demoReporter{terminal.New(o), o.Out, o.JSON}
}

func (r demoReporter) begin(scenes int) error {
	if r.json {
		return nil
	}
	_, err := fmt.Fprintf(r.out, "Picket plays an intrusion in %d parts against a Picket of its own.\n\n", scenes)
	return err
}

// scene shows an expected alert.
func (r demoReporter) scene(res *result) error {
	if res.alert == nil {
		return nil // the summary says so
	}
	a := *res.alert
	a.LatencyMS = milliseconds(res.latency)
	return r.AlertAfter(&a, res.latency)
}

// Summary is the last document of the demo.
type Summary struct {
	Event    string    `json:"event"` // "summary"
	Expected int       `json:"expected"`
	Seen     int       `json:"seen"`
	Missing  []string  `json:"missing"`
	Skipped  []Skipped `json:"skipped"`
}

// Skipped is a scene that this machine does not allow.
type Skipped struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
}

func (p *play) summarise() Summary {
	s := Summary{Event: "summary", Missing: p.missing(), Skipped: []Skipped{}}
	for _, r := range p.results {
		switch {
		case r.skipped != "":
			s.Skipped = append(s.Skipped, Skipped{r.scene.rule, r.skipped})
			continue
		case r.alert != nil:
			s.Seen++
		}
		s.Expected++
	}
	return s
}

// summary shows what came of each scene.
func (r demoReporter) summary(p *play) error {
	s := p.summarise()
	if r.json {
		return r.Document(s)
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, res := range p.results {
		fmt.Fprintf(&b, "%10s  %-24s Picket %s", res.outcome(), res.scene.rule, res.scene.says)
		if res.skipped != "" {
			b.WriteString(" (" + res.skipped + ")")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\n%d of %d expected alerts came", s.Seen, s.Expected)
	if p.others > 0 {
		fmt.Fprintf(&b, ", and %d others", p.others)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(r.out, b.String())
	return err
}

func (r *result) outcome() string {
	switch {
	case r.skipped != "":
		return "skipped"
	case r.alert == nil:
		return "MISSING"
	}
	return fmt.Sprintf("%.1f ms", milliseconds(r.latency))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
