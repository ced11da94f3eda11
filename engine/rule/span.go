package rule

import (
	"strings"

	"github.com/google/cel-go/common/ast"
)

// spans tells which stretch of a condition's text each of its parts is.
// cel-go knows where a part's operator or first word stands; the rest follows
// from the parts below it and from the brackets.
type spans struct {
	src   string
	info  *ast.SourceInfo
	bytes []int       // byte by code point, as cel-go counts
	pairs map[int]int // opening bracket to closing, as bytes
}

func newSpans(src string, info *ast.SourceInfo) *spans {
	s := &spans{src: src, info: info, pairs: map[int]int{}}
	for i := range src {
		s.bytes = append(s.bytes, i)
	}
	s.bytes = append(s.bytes, len(src))
	var open []int
	celPieces(src, func(i, _ int) {
		switch src[i] {
		case '(', '[', '{':
			open = append(open, i)
		case ')', ']', '}':
			if n := len(open); n > 0 {
				s.pairs[open[n-1]] = i
				open = open[:n-1]
			}
		}
	})
	return s
}

// celPieces takes a CEL source apart: strings and comments whole, everything
// else a byte at a time.
func celPieces(src string, each func(from, to int)) {
	for i := 0; i < len(src); {
		j := i + 1
		switch c := src[i]; {
		case c == '"' || c == '\'':
			raw := i > 0 && (src[i-1] == 'r' || src[i-1] == 'R') && (i < 2 || !isWordByte(src[i-2]))
			j = skipString(src, i, raw)
		case strings.HasPrefix(src[i:], "//"):
			j = i + strings.IndexByte(src[i:]+"\n", '\n')
		}
		each(i, j)
		i = j
	}
}

// of is the stretch of a part; from == to where it has none in this text.
func (s *spans) of(n ast.Expr) (from, to int) {
	from, to = len(s.src), 0
	s.grow(n, &from, &to)
	if from >= to {
		return 0, 0
	}
	for changed := true; changed; {
		changed = false
		for open, closing := range s.pairs {
			if in, out := open >= from && open < to, closing >= from && closing < to; in != out {
				from, to, changed = min(from, open), max(to, closing+1), true
			}
		}
	}
	return from, to
}

func (s *spans) grow(n ast.Expr, from, to *int) {
	if r, ok := s.info.GetOffsetRange(n.ID()); ok && int(r.Start) < len(s.bytes)-1 {
		i := s.bytes[r.Start]
		*from, *to = min(*from, s.wordBefore(i)), max(*to, s.tokenEnd(i))
	}
	for _, child := range s.written(n) {
		s.grow(child, from, to)
	}
}

// written are the parts below n as the author wrote them: of a list macro its
// list and what it asks, not what it was expanded to.
func (s *spans) written(n ast.Expr) []ast.Expr {
	call, ok := s.info.GetMacroCall(n.ID())
	if !ok {
		return children(n)
	}
	c := call.AsCall()
	if c.IsMemberFunction() {
		return append([]ast.Expr{c.Target()}, c.Args()...)
	}
	return c.Args()
}

// expanded reports whether a part comes from a macro: then it has the place at
// which the macro is named, and nothing else stands there.
func (s *spans) expanded(n ast.Expr) bool {
	r, ok := s.info.GetOffsetRange(n.ID())
	if !ok || int(r.Start) >= len(s.bytes)-1 {
		return false
	}
	rest, ok := strings.CutPrefix(s.src[s.bytes[r.Start]:], macrosName)
	return ok && (rest == "" || !isWordByte(rest[0]))
}

// wordBefore is where the name of a function begins whose bracket stands at i.
func (s *spans) wordBefore(i int) int {
	if s.src[i] != '(' {
		return i
	}
	for i > 0 && isWordByte(s.src[i-1]) {
		i--
	}
	return i
}

func (s *spans) tokenEnd(i int) int {
	c := s.src[i]
	switch {
	case c == '"' || c == '\'':
		return skipString(s.src, i, false)
	case c == '.':
		i++
		for i < len(s.src) && strings.IndexByte(" \t\r\n", s.src[i]) >= 0 {
			i++
		}
		fallthrough
	case isWordByte(c):
		j := i
		for j < len(s.src) && (isWordByte(s.src[j]) || s.src[j] == '.' && c >= '0' && c <= '9') {
			j++
		}
		if s.src[i:j] == macrosName { // macros.NAME is one word
			return s.tokenEnd(j)
		}
		if j < len(s.src) && (s.src[j] == '"' || s.src[j] == '\'') && strings.Trim(s.src[i:j], "rR") == "" {
			return skipString(s.src, j, true)
		}
		return j
	}
	return i + 1
}

// oneLine is a stretch of CEL on one line, its comments left out.
func oneLine(src string) string {
	var b strings.Builder
	blank := false
	celPieces(src, func(from, to int) {
		piece := src[from:to]
		if strings.HasPrefix(piece, "//") || strings.TrimSpace(piece) == "" {
			blank = true
			return
		}
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteString(piece)
	})
	return b.String()
}
