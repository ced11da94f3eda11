package grammar

import (
	"fmt"
	"strings"
)

// width is where lines of the source of a page end, so that a difference can be
// read.
const width = 76

// roff writes in the macros of man(7).
type roff struct{ strings.Builder }

// line writes a macro as it is.
func (r *roff) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

// text writes a paragraph's words, escaped and broken into lines.
func (r *roff) text(words string) {
	n := 0
	for i, word := range strings.Fields(words) {
		word = escaped(word)
		switch {
		case i == 0:
		case n+1+len(word) > width:
			r.WriteByte('\n')
			n = 0
		default:
			r.WriteByte(' ')
			n++
		}
		if n == 0 {
			word = guarded(word)
		}
		r.WriteString(word)
		n += len(word)
	}
	r.WriteByte('\n')
}

// prose writes a text as kong prints it: paragraphs, and lines that are set in,
// which stay as they are.
func (r *roff) prose(text string) {
	for _, b := range blocksOf(text) {
		r.line(".P")
		r.block(b)
	}
}

func (r *roff) block(b block) {
	if !b.literal {
		r.text(b.text)
		return
	}
	r.line(".EX")
	for line := range strings.Lines(b.text) {
		r.line("%s", guarded(escaped(strings.TrimSuffix(line, "\n"))))
	}
	r.line(".EE")
}

// block is a paragraph, or lines that are an example.
type block struct {
	literal bool
	text    string
}

// blocksOf parts a text at blank lines and where it begins or ends to be set in.
func blocksOf(text string) (blocks []block) {
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		if line == "" {
			open = false
			continue
		}
		literal := strings.HasPrefix(line, "  ")
		if !open || blocks[len(blocks)-1].literal != literal {
			blocks = append(blocks, block{literal: literal})
			open = true
		}
		blocks[len(blocks)-1].text += line + "\n"
	}
	return blocks
}

// escaped is a text as roff prints it again: each minus one that can be copied
// into a shell, and nothing beyond ASCII in the source.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// guarded keeps a line that begins like a macro from being one.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

func bold(text string) string   { return `\fB` + escaped(text) + `\fR` }
func italic(text string) string { return `\fI` + escaped(text) + `\fR` }
