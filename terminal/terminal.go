// Package terminal holds everything that a person sees in a terminal, so that
// all commands speak with one voice.
//
// The rules: one line an event (two for an alert), aligned, severity first, in
// local time. Colour says severity or state and nothing else, stands only on a
// terminal, and never alone: the word is always there. Data goes to standard
// output, everything said about it to standard error. Errors are lower case,
// without a period, and say what failed, on what, and what to do.
//
// Text that a host has made is shown through package display and never
// otherwise: rows are built from raw cells that are escaped, cut and padded in
// one place (row.go), so that no name can forge a row or move the cursor.
package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"picket.internal/display"
)

// Options says how to print.
type Options struct {
	// Out takes data. Empty means that it is thrown away.
	Out io.Writer
	// Err takes notes, errors and progress. Empty means that they are thrown away.
	Err io.Writer
	// JSON prints one document a line in the place of every row.
	JSON bool
	// Color marks severities and states.
	Color bool
	// Width is the width of Out in columns. 0 means that it has none, as a
	// pipe: nothing is cut, columns are those of 100.
	Width int
	// Live lets Progress rewrite its line on Err.
	Live bool
	// Home is shown as ~ where a path begins with it. Empty means never.
	Home string
	// Zone is the reader's time zone. Nil means the system's.
	Zone *time.Location
	// Now tells the time. Nil means the system's clock.
	Now func() time.Time
}

// Detect finds out how to print to these two: in colour and to its width where
// out is a terminal, unless NO_COLOR or TERM=dumb say otherwise.
func Detect(out, err io.Writer, getenv func(string) string) Options {
	o := Options{Out: out, Err: err, Home: getenv("HOME")}
	plain := getenv("NO_COLOR") != "" || getenv("TERM") == "dumb"
	if width, ok := width(out); ok {
		o.Width, o.Color = width, !plain
	}
	_, o.Live = width(err)
	o.Live = o.Live && getenv("TERM") != "dumb"
	return o
}

// width is how many columns a terminal has; ok is false where w is none.
func width(w io.Writer) (columns int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 1 {
		return defaultWidth, true
	}
	return columns, true
}

const (
	defaultWidth = 100
	minWidth     = 76 // narrower terminals wrap
)

// Printer prints. Its methods may be called by many goroutines at once; what
// one call prints stays together. They return the errors of Out.
type Printer struct {
	o Options

	mu  sync.Mutex
	fit columns // grows with what has been printed; guarded by mu

}

// New returns a printer.
func New(o Options) *Printer {
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Err == nil {
		o.Err = io.Discard
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Printer{o: o}
}

// Document prints one JSON document on a line of its own, whatever JSON says.
// Characters that a terminal would act upon are written as \uHHHH.
func (p *Printer) Document(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding %T: %w", v, err)
	}
	return p.write(string(display.JSONLine(b.Bytes())) + "\n")
}

// Note tells the person something that is no data, on one line.
func (p *Printer) Note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A note that cannot be shown has nobody to tell.
	_, _ = io.WriteString(p.o.Err, "picket: "+display.Line(fmt.Sprintf(format, args...))+"\n")
}

// write prints text, all of it in one piece.
func (p *Printer) write(text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := io.WriteString(p.o.Out, text)
	return err
}

// columns is the width to lay rows out for.
func (p *Printer) columns() int {
	if p.o.Width == 0 {
		return defaultWidth
	}
	return max(p.o.Width, minWidth)
}

// short writes the reader's own home as ~.
func (p *Printer) short(path string) string {
	if home := strings.TrimSuffix(p.o.Home, "/"); home != "" {
		if rest, ok := strings.CutPrefix(path, home); ok && (rest == "" || rest[0] == '/') {
			return "~" + rest
		}
	}
	return path
}
