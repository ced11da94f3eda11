package rule

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// place is a position in a file: line and column from 1, columns in characters.
type place struct{ line, column int }

func at(n *yaml.Node) place { return place{n.Line, n.Column} }

// source is one rule file as text.
type source struct {
	name  string
	lines []string
}

func newSource(name string, data []byte) *source {
	lines := strings.Split(string(data), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(l, "\r")
	}
	return &source{name: name, lines: lines}
}

// line is the text of a line, cut to what fits a screen and a message.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	const most = 400
	l := s.lines[n-1]
	if len(l) > most {
		l = strings.ToValidUTF8(l[:most], "")
	}
	return l
}

func (s *source) finding(level Level, code string, p place, message, suggestion string) Finding {
	return Finding{Code: code, Level: level, File: s.name, Line: p.line, Column: p.column,
		Message: message, Source: s.line(p.line), Suggestion: suggestion}
}

// text is a YAML scalar whose characters are known by their place in the file,
// whatever the style it is written in.
type text struct {
	value    string
	start    place
	segments []segment
}

// segment says that value[from:] continues at a place, up to the next segment.
type segment struct {
	from  int
	place place
}

// scalarText finds the places of a scalar's characters. Where the text in the
// file cannot be followed, every character is at the scalar's start.
func (s *source) scalarText(n *yaml.Node) *text {
	t := &text{value: n.Value, start: at(n)}
	ok := false
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		ok = t.literal(s)
	case n.Style&yaml.FoldedStyle != 0:
		ok = t.folded(s)
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		ok = t.quoted(s, n.Style&yaml.DoubleQuotedStyle != 0)
	default:
		ok = t.plain(s)
	}
	if !ok {
		t.segments = nil
	}
	return t
}

// place is where byte i of the value stands in the file.
func (t *text) place(i int) place {
	i = min(max(i, 0), len(t.value))
	k, exact := slices.BinarySearchFunc(t.segments, i, func(s segment, i int) int { return s.from - i })
	if !exact {
		k--
	}
	if k < 0 {
		return t.start
	}
	seg := t.segments[k]
	return place{seg.place.line, seg.place.column + utf8.RuneCountInString(t.value[seg.from:i])}
}

// offset is the byte of the value at a line and column of its own, both as
// cel-go counts them: lines from 1, columns in characters from 0.
func (t *text) offset(line, column int) int {
	from := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(t.value[from:], '\n')
		if i < 0 {
			return len(t.value)
		}
		from += i + 1
	}
	for i := range t.value[from:] {
		if column == 0 {
			return from + i
		}
		column--
	}
	return len(t.value)
}

// literal follows a | block: its lines are the file's, without the indent.
func (t *text) literal(s *source) bool {
	p := 0
	for n := t.start.line + 1; p < len(t.value); n++ {
		if n > len(s.lines) {
			return false
		}
		line, _, _ := strings.Cut(t.value[p:], "\n")
		indent, ok := strings.CutSuffix(s.lines[n-1], line)
		if !ok {
			return false
		}
		t.segments = append(t.segments, segment{p, place{n, utf8.RuneCountInString(indent) + 1}})
		p += len(line) + 1
	}
	return true
}

// folded follows a > block: its lines are the file's, joined in some way.
func (t *text) folded(s *source) bool {
	p := 0
	for n := t.start.line + 1; n <= len(s.lines) && strings.TrimSpace(t.value[p:]) != ""; n++ {
		line := s.lines[n-1]
		words := strings.TrimLeft(line, " ")
		if strings.TrimSpace(words) == "" {
			continue
		}
		i := strings.Index(t.value[p:], strings.TrimRight(words, " \t"))
		if i < 0 {
			return false
		}
		t.segments = append(t.segments, segment{p + i, place{n, len(line) - len(words) + 1}})
		p += i + len(strings.TrimRight(words, " \t"))
	}
	return true
}

// plain follows an unquoted scalar over its lines, each of which may end in a
// comment.
func (t *text) plain(s *source) bool {
	p, column := 0, t.start.column
	for n := t.start.line; p < len(t.value); n++ {
		if n > len(s.lines) {
			return false
		}
		line := []rune(s.lines[n-1])
		if n > t.start.line {
			column = 1
		}
		for column <= len(line) && (line[column-1] == ' ' || line[column-1] == '\t') {
			column++
		}
		if column > len(line) {
			continue
		}
		for p < len(t.value) && (t.value[p] == ' ' || t.value[p] == '\n') {
			p++
		}
		common := commonPrefix(t.value[p:], string(line[column-1:]))
		if common == 0 {
			return false
		}
		t.segments = append(t.segments, segment{p, place{n, column}})
		p += common
	}
	return true
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
