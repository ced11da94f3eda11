package terminal

import (
	"strings"

	"picket.internal/display"
)

// style is how a cell is set off, on a terminal that shows colour.
type style string

const (
	plain    style = ""
	strong   style = "1"
	faint    style = "2"
	critical style = "1;97;41"
	bad      style = "1;31"
	warning  style = "33"
	good     style = "32"
	calm     style = "36"
)

// severityStyle is the colour of a severity; the word stands beside it.
func severityStyle(severity string) style {
	switch severity {
	case "critical":
		return critical
	case "high":
		return bad
	case "medium":
		return warning
	case "low":
		return calm
	default:
		return plain
	}
}

// cell is one piece of a row, as the host sent it.
type cell struct {
	text  string
	width int   // columns it takes; 0 means as many as it needs
	style style // how it is set off
	right bool  // aligned to the right
	path  bool  // cut in its middle rather than at its end
	whole bool  // never cut: what people copy must not be half of it
}

// row makes one line of cells, two spaces between them. This is the only place
// where raw text becomes output.
func (p *Printer) row(cells ...cell) string {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		last := i == len(cells)-1
		b.WriteString(p.cell(c, last))
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

func (p *Printer) cell(c cell, last bool) string {
	text := display.Line(c.text)
	if c.width > 0 && p.o.Width > 0 && !c.whole {
		if c.path {
			text = display.CutMiddle(text, c.width)
		} else {
			text = display.Cut(text, c.width)
		}
	}
	padding := ""
	if missing := c.width - display.Width(text); missing > 0 {
		padding = strings.Repeat(" ", missing)
	}
	text = p.paint(text, c.style)
	switch {
	case c.right:
		return padding + text
	case last:
		return text
	default:
		return text + padding
	}
}

// paint sets off text that is escaped already.
func (p *Printer) paint(text string, s style) string {
	if !p.o.Color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
