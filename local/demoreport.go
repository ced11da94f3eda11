package local

import (
	"fmt"
	"io"
	"strings"
	"time"

	"picket.internal/display"
)

// demoReporter shows how the demo goes.
type demoReporter interface {
	begin(scenes int) error
	scene(*result) error
	summary(*play) error
}

func newDemoReporter(cfg DemoConfig) demoReporter {
	if cfg.JSON {
		return demoJSON{jsonWriter{cfg.Out}}
	}
	return &demoText{out: cfg.Out}
}

// demoJSON prints one document an expected alert, and a summary.
type demoJSON struct{ jsonWriter }

func (demoJSON) begin(int) error { return nil }

func (w demoJSON) scene(r *result) error {
	if r.alert == nil {
		return nil
	}
	return w.write(demoEvent{"alert", demoAlert{r.alert, milliseconds(r.latency)}})
}

type demoEvent struct {
	Event string    `json:"event"` // "alert"
	Alert demoAlert `json:"alert"`
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

func (w demoJSON) summary(p *play) error { return w.write(p.summarise()) }

// demoText is for people: each alert as it comes, then a table.
type demoText struct{ out io.Writer }

func (w *demoText) begin(scenes int) error {
	_, err := fmt.Fprintf(w.out, "Picket plays an intrusion in %d parts against itself.\n\n", scenes)
	return err
}

func (w *demoText) scene(r *result) error {
	if r.skipped != "" {
		return nil // the table says so
	}
	_, err := fmt.Fprintf(w.out, "It %s.\n%s%s   latency %s\n\n", r.scene.says, "", display.Line(r.alert.Message), latency(r.latency))
	return err
}

func (w *demoText) summary(p *play) error {
	var b strings.Builder
	for _, r := range p.results {
		what := "missing"
		switch {
		case r.skipped != "":
			what = "skipped"
		case r.alert != nil:
			what = latency(r.latency)
		}
		fmt.Fprintf(&b, "%9s  %-24s it %s", what, r.scene.rule, r.scene.says)
		if r.skipped != "" {
			b.WriteString(": " + r.skipped)
		}
		b.WriteByte('\n')
	}
	s := p.summarise()
	fmt.Fprintf(&b, "\n%d of %d expected alerts came", s.Seen, s.Expected)
	if p.others > 0 {
		fmt.Fprintf(&b, ", and %d that this machine raised besides", p.others)
	}
	b.WriteByte('\n')
	if len(s.Missing) > 0 {
		fmt.Fprintf(&b, "missing: %s\n", strings.Join(s.Missing, ", "))
	}
	_, err := io.WriteString(w.out, b.String())
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func latency(d time.Duration) string { return fmt.Sprintf("%.0f ms", milliseconds(d)) }
