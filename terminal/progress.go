package terminal

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"picket.internal/display"
)

// Progress shows how far something has come, on standard error, rewriting its
// own line. It says nothing in the first two seconds, and nothing at all where
// standard error is no terminal.
type Progress struct {
	p     *Printer
	what  string
	unit  string
	total int64
	start time.Time

	mu    sync.Mutex
	done  int64
	part  float64   // how much of all is done, where that is known apart from the total
	last  time.Time // when the line was last drawn; zero means never
	shown int       // its width, so that a shorter one covers it
}

const (
	progressAfter = 2 * time.Second
	progressEvery = 100 * time.Millisecond
)

// Progress begins. A total of 0 means that it is not known.
func (p *Printer) Progress(what, unit string, total int64) *Progress {
	return &Progress{p: p, what: what, unit: unit, total: total, start: p.o.Now()}
}

// Add says that n more are done.
func (g *Progress) Add(n int64) { g.add(n, 0) }

// AddTo is Add where it is known how much of all is done, from 0 to 1, but not
// how many there are in all.
func (g *Progress) AddTo(n int64, part float64) { g.add(n, part) }

func (g *Progress) add(n int64, part float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done += n
	g.part = max(g.part, min(part, 1))
	now := g.p.o.Now()
	if !g.p.o.Live || now.Sub(g.start) < progressAfter || now.Sub(g.last) < progressEvery {
		return
	}
	g.last = now
	g.draw(g.line(now.Sub(g.start)))
}

// End takes the line away.
func (g *Progress) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.last.IsZero() {
		g.draw("")
		_, _ = io.WriteString(g.p.o.Err, "\r") // as below
	}
}

func (g *Progress) draw(line string) {
	line = display.Cut(line, g.p.columns()-1)
	padding := strings.Repeat(" ", max(0, g.shown-display.Width(line)))
	g.shown = display.Width(line)
	g.p.mu.Lock()
	defer g.p.mu.Unlock()
	// Progress that cannot be shown has nobody to tell.
	_, _ = io.WriteString(g.p.o.Err, "\r"+line+padding)
}

// line is what is shown after some time: how many, how fast, how much longer.
func (g *Progress) line(elapsed time.Duration) string {
	rate := float64(g.done) / elapsed.Seconds()
	line := fmt.Sprintf("%s: %s %s", display.Line(g.what), number(g.done), g.unit)
	if g.total > 0 {
		line = fmt.Sprintf("%s: %s of %s %s, %d %%", display.Line(g.what), number(g.done), number(g.total), g.unit, 100*g.done/g.total)
	}
	if g.part > 0 {
		line = fmt.Sprintf("%s: %s %3d %%, %s %s", display.Line(g.what), bar(g.part), int(100*g.part), number(g.done), g.unit)
	}
	line += fmt.Sprintf(", %s/s", number(int64(rate)))
	if g.part > 0 && g.part < 1 {
		line += fmt.Sprintf(", %s left", (time.Duration(float64(elapsed) * (1 - g.part) / g.part)).Round(time.Second))
	}
	if left := g.total - g.done; g.total > 0 && left > 0 && rate > 0 {
		line += fmt.Sprintf(", %s left", (time.Duration(float64(left)/rate) * time.Second).Round(time.Second))
	}
	return line
}

const barWidth = 20

func bar(part float64) string {
	full := int(part * barWidth)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}
