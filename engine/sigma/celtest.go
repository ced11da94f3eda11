package sigma

import (
	"fmt"
	"strconv"
	"strings"
)

// equals is what the field must be equal to, where that is all that is tested
// and no absent field has the value.
func (t *test) equals() (string, bool) {
	switch t.kind {
	case testText:
		shape, text := t.pattern.shape()
		ascii, others := letters(text)
		return quote(text), shape == shapeEquals && (t.fold == cased || !ascii && !others)
	case testNumber:
		return t.literal(), t.part == "" && t.compare == "==" && t.number.value != 0 && t.field.kind != kindText
	}
	return "", false
}

// cel writes one test; alone says that it stands among parts joined by and, where
// it needs no brackets of its own.
func (t *test) cel(alone bool) string {
	parts := t.parts()
	s := strings.Join(parts, " && ")
	if len(parts) > 1 && !alone {
		return "(" + s + ")"
	}
	return s
}

func (t *test) negated() string {
	parts := t.parts()
	if len(parts) == 1 {
		for _, equal := range []string{" == ", " != "} {
			if strings.HasPrefix(parts[0], t.field.path+equal) {
				other := map[string]string{" == ": " != ", " != ": " == "}[equal]
				return t.field.path + other + strings.TrimPrefix(parts[0], t.field.path+equal)
			}
		}
		if t.kind == testTruth || t.kind != testNumber && strings.HasSuffix(parts[0], ")") {
			return "!" + parts[0] // a call, or a field that is true or false
		}
	}
	return "!(" + strings.Join(parts, " && ") + ")"
}

// parts are what must all be true. A test that the default of an absent field
// would pass also asks whether the field is there.
func (t *test) parts() []string {
	path := t.field.path
	if t.kind == testPresent {
		return []string{"has(" + path + ")"}
	}
	if t.field.list {
		if t.kind == testText && len(t.pattern) == 0 {
			return []string{"!has(" + path + ")"}
		}
		inner := strings.Join(t.of("a"), " && ")
		if t.kind == testText && !t.needsPresence() {
			if text, ok := t.equals(); ok {
				return []string{text + " in " + path}
			}
		}
		return []string{path + ".exists(a, " + inner + ")"}
	}
	if t.needsPresence() {
		parts := []string{"has(" + path + ")"}
		if shape, _ := t.pattern.shape(); t.kind == testText && shape == shapeAny {
			return parts
		}
		if t.kind == testRef {
			parts = append(parts, "has("+t.other.path+")")
		}
		return append(parts, t.of(path)...)
	}
	return t.of(path)
}

// needsPresence reports whether an absent field's default passes the test.
func (t *test) needsPresence() bool {
	switch t.kind {
	case testText:
		return len(t.pattern) > 0 && t.pattern.fits("", t.fold)
	case testRegex:
		return t.re.MatchString("")
	case testNumber:
		return t.field.kind != kindText && t.field.kind != kindTime && t.meetsNumber(0.0)
	case testRef:
		return true
	}
	return false
}

// of writes the test of a value, which is a field or an element of one.
func (t *test) of(v string) []string {
	switch t.kind {
	case testText:
		return []string{t.textOf(v)}
	case testRegex:
		return []string{v + ".matches(" + quoteRegex(t.regex) + ")"}
	case testTruth:
		if t.truth {
			return []string{v}
		}
		return []string{"!" + v}
	case testRef:
		return []string{t.refOf(v)}
	case testNetwork:
		return []string{v + ".cidr(" + quote(t.network.String()) + ")"}
	}
	switch t.field.kind {
	case kindText:
		digits := fmt.Sprintf("^[0-9]{1,%d}$", maxDigits)
		return []string{v + ".matches(" + quoteRegex(digits) + ")", "int(" + v + ") " + t.compare + " " + t.literal()}
	case kindTime:
		method := map[string]string{"minute": "getMinutes()", "hour": "getHours()", "day": "getDayOfMonth() + 1", "month": "getMonth() + 1", "year": "getFullYear()"}[t.part]
		return []string{v + "." + method + " " + t.compare + " " + t.literal()}
	}
	return []string{v + " " + t.compare + " " + t.literal()}
}

// literal writes the number in the type of the field.
func (t *test) literal() string {
	switch t.field.kind {
	case kindUint:
		return t.number.text + "u"
	case kindDouble:
		if !strings.Contains(t.number.text, ".") {
			return t.number.text + ".0"
		}
	}
	return t.number.text
}

// methods are the functions of texts by shape: exact, and the case of ASCII
// letters aside.
var methods = map[shape][2]string{
	shapePrefix: {"startsWith", "startsWithFold"}, shapeSuffix: {"endsWith", "endsWithFold"},
	shapeContains: {"contains", "containsFold"}, shapeEquals: {"", "equalsFold"},
}

func (t *test) textOf(v string) string {
	shape, text := t.pattern.shape()
	ascii, others := letters(text)
	switch {
	case shape == shapeEmpty:
		return v + ` == ""`
	case shape == shapeRegex || t.fold == foldAllCases && others:
		return v + ".matches(" + quoteRegex(t.pattern.regex(t.fold)) + ")"
	case t.fold != cased && ascii:
		return v + "." + methods[shape][1] + "(" + quote(text) + ")"
	case shape == shapeEquals:
		return v + " == " + quote(text)
	case shape == shapeAny:
		return v + `.contains("")`
	}
	return v + "." + methods[shape][0] + "(" + quote(text) + ")"
}

func (t *test) refOf(v string) string {
	method := methods[t.shape][1]
	if t.fold == cased || t.field.kind != kindText {
		method = methods[t.shape][0]
	}
	if method == "" {
		return v + " == " + t.other.path
	}
	return v + "." + method + "(" + t.other.path + ")"
}

// quote writes a text as CEL reads it.
func quote(s string) string { return strconv.Quote(s) }

// quoteRegex writes a regular expression raw where it can be, so that it reads as
// it was written.
func quoteRegex(s string) string {
	plain := strconv.Quote(s) == `"`+strings.ReplaceAll(s, `\`, `\\`)+`"`
	if plain && strings.Contains(s, `\`) && !strings.HasSuffix(s, `\`) {
		return `r"` + s + `"`
	}
	if q := strings.ReplaceAll(s, `"`, ""); strings.Contains(s, `\`) && !strings.Contains(s, "'") && strconv.Quote(q) == `"`+strings.ReplaceAll(q, `\`, `\\`)+`"` {
		return "r'" + s + "'"
	}
	return strconv.Quote(s)
}
