package sigma

import (
	"regexp"
	"strings"
	"unicode"
)

// token is a part of a pattern.
type token struct {
	kind tokenKind
	text string // of a literal
}

type tokenKind int

const (
	literal tokenKind = iota
	anyRun            // *, any text, also none
	anyOne            // ?, one character
	anyDash           // what windash makes of a dash: one of dashes
)

// dashes are what begins a flag, by the modifier windash.
const dashes = "-/–—―"

// pattern is a text with wildcards, which fits a value as a whole.
type pattern []token

// parsePattern reads a Sigma text. A backslash before a wildcard or another
// backslash makes a plain character of it; before anything else it is one
// itself.
func parsePattern(s string) pattern {
	var p pattern
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; {
		case c == '\\' && i+1 < len(runes) && strings.ContainsRune(`*?\`, runes[i+1]):
			i++
			p = p.add(token{literal, string(runes[i])})
		case c == '*':
			p = p.add(token{kind: anyRun})
		case c == '?':
			p = p.add(token{kind: anyOne})
		default:
			p = p.add(token{literal, string(c)})
		}
	}
	return p
}

// add appends a token; neighbours that say one thing are joined.
func (p pattern) add(t token) pattern {
	if len(p) > 0 {
		last := &p[len(p)-1]
		switch {
		case last.kind == literal && t.kind == literal:
			last.text += t.text
			return p
		case last.kind == anyRun && t.kind == anyRun:
			return p
		}
	}
	return append(p, t)
}

// within is the pattern with any text allowed before or after it.
func (p pattern) within(before, after bool) pattern {
	var out pattern
	if before {
		out = out.add(token{kind: anyRun})
	}
	for _, t := range p {
		out = out.add(t)
	}
	if after {
		out = out.add(token{kind: anyRun})
	}
	return out
}

// plain is the text of a pattern without wildcards.
func (p pattern) plain() (string, bool) {
	switch {
	case len(p) == 0:
		return "", true
	case len(p) == 1 && p[0].kind == literal:
		return p[0].text, true
	}
	return "", false
}

// shape names the patterns that a plain function of texts can test, with the
// text to look for. Others are regular expressions.
func (p pattern) shape() (shape, string) {
	kinds := ""
	text := ""
	for _, t := range p {
		kinds += string("lrod"[t.kind])
		text += t.text
	}
	switch kinds {
	case "":
		return shapeEmpty, ""
	case "r":
		return shapeAny, ""
	case "l":
		return shapeEquals, text
	case "lr":
		return shapePrefix, text
	case "rl":
		return shapeSuffix, text
	case "rlr":
		return shapeContains, text
	}
	return shapeRegex, ""
}

type shape int

const (
	shapeRegex shape = iota
	shapeEmpty
	shapeAny
	shapeEquals
	shapePrefix
	shapeSuffix
	shapeContains
)

// regex is the pattern as a regular expression of RE2. Wildcards take line
// breaks too.
func (p pattern) regex(f folding) string {
	flags := "(?s)"
	if f != cased {
		flags = "(?is)"
	}
	var b strings.Builder
	b.WriteString(flags)
	if len(p) == 0 || p[0].kind != anyRun {
		b.WriteByte('^')
	}
	for i, t := range p {
		switch t.kind {
		case literal:
			b.WriteString(regexp.QuoteMeta(t.text))
		case anyOne:
			b.WriteByte('.')
		case anyDash:
			b.WriteString("[-/–—―]")
		case anyRun:
			if i > 0 && i < len(p)-1 {
				b.WriteString(".*")
			}
		}
	}
	if len(p) == 0 || p[len(p)-1].kind != anyRun {
		b.WriteByte('$')
	}
	return b.String()
}

// folding says which characters are the same.
type folding int

const (
	cased        folding = iota
	foldASCII            // the case of ASCII letters aside, as the Fold functions have it
	foldAllCases         // the case of all letters aside, as (?i) has it
)

// folding of a pattern that is not case-sensitive. The Fold functions know ASCII
// letters only, so other letters need a regular expression.
func (p pattern) folding() folding {
	if shape, text := p.shape(); shape != shapeRegex {
		if _, others := letters(text); !others {
			return foldASCII
		}
	}
	return foldAllCases
}

// fits reports whether the pattern fits the whole value. It is the conversion's
// own reading of Sigma, against which the tests hold what CEL says. It walks the
// value once, and goes back to the last * where it fails.
func (p pattern) fits(value string, f folding) bool {
	parts, text := p.characters(), []rune(value)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(text) {
		switch {
		case i < len(parts) && parts[i].kind == anyRun:
			star, mark = i, j
			i++
		case i < len(parts) && parts[i].takes(text[j], f):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(parts) && parts[i].kind == anyRun {
		i++
	}
	return i == len(parts)
}

// characters is the pattern with one token a character.
func (p pattern) characters() []token {
	var out []token
	for _, t := range p {
		if t.kind != literal {
			out = append(out, t)
			continue
		}
		for _, r := range t.text {
			out = append(out, token{literal, string(r)})
		}
	}
	return out
}

func (t token) takes(r rune, f folding) bool {
	switch t.kind {
	case anyOne:
		return true
	case anyDash:
		return strings.ContainsRune(dashes, r)
	}
	want := []rune(t.text)[0]
	switch {
	case want == r:
		return true
	case f == cased || f == foldASCII && (want > unicode.MaxASCII || r > unicode.MaxASCII):
		return false
	}
	for c := unicode.SimpleFold(want); c != want; c = unicode.SimpleFold(c) {
		if c == r {
			return true
		}
	}
	return false
}

// letters says which of a text's characters have a case.
func letters(s string) (ascii, others bool) {
	for _, r := range s {
		switch {
		case unicode.SimpleFold(r) == r:
		case r <= unicode.MaxASCII:
			ascii = true
		default:
			others = true
		}
	}
	return ascii, others
}
