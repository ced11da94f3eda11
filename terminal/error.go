package terminal

import (
	"errors"
	"io"
	"strings"

	"picket.internal/display"
)

// adviser is an error that knows what to do about it.
type adviser interface{ Advice() string }

// Error tells the person what failed, on what, and on a line of its own what
// to do.
func (p *Printer) Error(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// An error that cannot be shown has nobody to tell.
	_, _ = io.WriteString(p.o.Err, p.ErrorText(err))
}

// ErrorText is what Error prints: for errors that were joined, each on its own.
func (p *Printer) ErrorText(err error) string {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && err.Error() == errors.Join(joined.Unwrap()...).Error() {
		var b strings.Builder
		for _, each := range joined.Unwrap() {
			b.WriteString(p.ErrorText(each))
		}
		return b.String()
	}
	text := "picket: " + display.Line(err.Error()) + "\n"
	var advised adviser
	if errors.As(err, &advised) && advised.Advice() != "" {
		text += "        " + display.Line(advised.Advice()) + "\n"
	}
	return text
}
