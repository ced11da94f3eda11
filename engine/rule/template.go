package rule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// Bounds of what a rule says.
const (
	maxTemplate = 2048 // bytes of a message template
	maxParts    = 32   // of a message template
	maxValue    = 256  // bytes of one value in a message or an alert
	maxMessage  = 1024 // bytes of a message
)

// unknown is what a message says for a value that the fact does not have.
const unknown = "unknown"

// template is a message: plain text and CEL expressions in turn.
type template struct{ parts []templatePart }

// templatePart is one of three: a field, an expression, or else a text.
type templatePart struct {
	text  string
	field *fieldPath
	expr  *guard
}

// render writes the message for the fact in v. An expression that ends in an
// error reads as unknown and the error is returned: the alert is not lost, and
// the error is not either.
func (t *template) render(v *Vars) (string, error) {
	var b strings.Builder
	var failed error
	for _, part := range t.parts {
		if part.field == nil && part.expr == nil {
			b.WriteString(part.text)
			continue
		}
		text, err := part.value(v)
		if failed == nil {
			failed = err
		}
		if text == "" {
			text = unknown
		}
		b.WriteString(cut(text, maxValue))
	}
	return cut(b.String(), maxMessage), failed
}

// value is what a part that is no text says, "" where there is nothing to say.
func (part *templatePart) value(v *Vars) (string, error) {
	if part.field != nil {
		if !part.field.has(v) {
			return "", nil
		}
		return plainText(part.field.read(v)), nil
	}
	out, err := part.expr.value(v)
	if err != nil {
		return "", err
	}
	return plainText(out), nil
}

// cut shortens a text to n bytes, on a character and with an ellipsis.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n = max(n-len("…"), 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// plainText is a value as people read it: texts as they are, lists joined by a
// space.
func plainText(v ref.Val) string {
	switch x := v.(type) {
	case types.String:
		return string(x)
	case types.Int:
		return strconv.FormatInt(int64(x), 10)
	case types.Uint:
		return strconv.FormatUint(uint64(x), 10)
	case types.Double:
		return strconv.FormatFloat(float64(x), 'g', 6, 64)
	case types.Bool:
		return strconv.FormatBool(bool(x))
	case types.Timestamp:
		return x.UTC().Format(time.RFC3339Nano)
	case types.Duration:
		return x.Duration.String()
	case traits.Lister:
		return listText(x)
	case *block:
		return "{…}"
	}
	return v.Type().TypeName()
}

func listText(l traits.Lister) string {
	var b strings.Builder
	for it := l.Iterator(); it.HasNext() == types.True && b.Len() <= maxValue; {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(plainText(it.Next()))
	}
	return b.String()
}

// templateText compiles a message. Its expressions are in {{ and }}; braces
// inside a quoted text of an expression do not count.
func (e *expression) template() *template {
	t := &template{}
	src := e.text.value
	for i := 0; i < len(src); {
		open := strings.Index(src[i:], "{{")
		if end := strings.Index(src[i:], "}}"); end >= 0 && (open < 0 || end < open) {
			e.w.fail(CodeMessage, e.text.place(i+end), "}} without {{ before it", "")
			return nil
		}
		if open < 0 {
			t.parts = append(t.parts, templatePart{text: src[i:]})
			break
		}
		if open > 0 {
			t.parts = append(t.parts, templatePart{text: src[i : i+open]})
		}
		end := closing(src, i+open+2)
		if end < 0 {
			e.w.fail(CodeMessage, e.text.place(i+open), "{{ without }} after it", "")
			return nil
		}
		part, ok := e.part(i+open+2, end)
		if !ok {
			return nil
		}
		t.parts = append(t.parts, part)
		i = end + 2
		if len(t.parts) > maxParts {
			e.w.fail(CodeTooLarge, e.text.start, fmt.Sprintf("the message has more than %d parts", maxParts), "")
			return nil
		}
	}
	return t
}

// closing is where the }} of an expression that begins at i stands.
func closing(src string, i int) int {
	for i < len(src) {
		switch {
		case src[i] == '"' || src[i] == '\'':
			i = skipString(src, i, false)
		case strings.HasPrefix(src[i:], "}}"):
			return i
		default:
			i++
		}
	}
	return -1
}

// part compiles one expression of a message, between two bytes of its text.
func (e *expression) part(from, to int) (templatePart, bool) {
	raw := e.text.value[from:to]
	inner := *e
	inner.from = from + len(raw) - len(strings.TrimLeft(raw, " \t\n"))
	inner.src = strings.TrimSpace(raw)
	if inner.src == "" {
		e.w.fail(CodeMessage, e.text.place(from), "there is nothing between {{ and }}", "")
		return templatePart{}, false
	}
	if p, ok := inner.bare(); ok {
		return templatePart{field: p}, true
	}
	checked := inner.compile()
	if checked == nil {
		return templatePart{}, false
	}
	if !printable(checked.OutputType()) {
		e.w.fail(CodeType, inner.text.place(inner.from), fmt.Sprintf("a message cannot show a %s", cel.FormatCELType(checked.OutputType())), "name one of its fields")
		return templatePart{}, false
	}
	planned := inner.planned(checked)
	return templatePart{expr: planned}, planned != nil
}

// bare finds a field that stands by itself, as most parts of messages do: it
// is read without CEL. What is not plain is left to the compiler.
func (e *expression) bare() (*fieldPath, bool) {
	p, f, ok := factSchema().pathTo(e.src)
	if !ok || f.form == formObject || f.form == formObjects {
		return nil, false
	}
	block, _, _ := strings.Cut(e.src, ".")
	if !e.carried(block) {
		return nil, false
	}
	return &p, true
}

// printable reports whether a value of the type reads well in a sentence.
func printable(t *cel.Type) bool {
	switch t.Kind() {
	case types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind, types.TimestampKind, types.DurationKind:
		return true
	case types.ListKind:
		return len(t.Parameters()) == 1 && t.Parameters()[0].Kind() != types.ListKind && printable(t.Parameters()[0])
	}
	return false
}
