package rule

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// operand is what a comparison looks at.
type operand struct {
	*Subject
	fold func(string) string // the case that the text is brought to first; nil: none
}

// plainForms are the forms whose values Go compares as CEL does.
var plainForms = []form{formString, formInt, formUint, formBool}

// operand reads a field, an item of a list, or a part of either.
func (r needReader) operand(e ast.Expr) (operand, bool) {
	if e.Kind() == ast.CallKind {
		return r.derived(e.AsCall())
	}
	if e.Kind() == ast.IdentKind {
		if e.AsIdent() == r.shadow {
			return operand{}, false
		}
		if r.list != nil && e.AsIdent() == r.item {
			return operand{Subject: r.list}, true
		}
	}
	name, test, ok := fieldName(e)
	if !ok || test {
		return operand{}, false
	}
	p, f, ok := r.s.pathTo(name)
	if !ok || !slices.Contains(plainForms, f.form) {
		return operand{}, false
	}
	return operand{Subject: newSubject(name, p)}, true
}

func (r needReader) derived(c ast.CallExpr) (operand, bool) {
	switch args := c.Args(); {
	case c.FunctionName() == overloads.Size && c.IsMemberFunction():
		return r.size(c.Target())
	case c.FunctionName() == overloads.Size && len(args) == 1:
		return r.size(args[0])
	case c.FunctionName() == operators.Index && len(args) == 2:
		return r.place(args[0], args[1])
	case !c.IsMemberFunction() || len(args) > 0:
		return operand{}, false
	}
	o, ok := r.operand(c.Target())
	if !ok || !o.IsText() {
		return operand{}, false
	}
	part, isPart := map[string]slice{"base": baseOfText, "dir": dirOfText}[c.FunctionName()]
	fold, isFold := map[string]func(string) string{"lowerAscii": lowerASCII, "upperAscii": upperASCII}[c.FunctionName()]
	switch {
	case isPart && o.slice == wholeText:
		o.Subject = o.of(part)
		return o, true
	case isFold && o.fold == nil:
		o.fold = fold
		return o, true
	}
	return operand{}, false
}

// size is how large a field is.
func (r needReader) size(e ast.Expr) (operand, bool) {
	name, test, ok := fieldName(e)
	if !ok || test || e.Kind() == ast.IdentKind && (e.AsIdent() == r.shadow || r.list != nil && e.AsIdent() == r.item) {
		return operand{}, false
	}
	p, f, ok := r.s.pathTo(name)
	if !ok || f.form != formString && f.form != formStrings && f.form != formObjects {
		return operand{}, false
	}
	return operand{Subject: newSubject(name, p).sized(name)}, true
}

// place is one item of a list of texts.
func (r needReader) place(a, b ast.Expr) (operand, bool) {
	list := r.textList(a)
	if list == nil || b.Kind() != ast.LiteralKind {
		return operand{}, false
	}
	at, ok := b.AsLiteral().(types.Int)
	if !ok || at < 0 || at > maxPlace {
		return operand{}, false
	}
	name, _, _ := fieldName(a)
	return operand{Subject: list.item(name, int64(at))}, true
}

// maxPlace is far more than lists have.
const maxPlace = 1 << 20

// order reads a comparison of a number with a literal. All four are the one test
// or its opposite: below 5 is not at least 5, above 5 is at least 6.
func (r needReader) order(c ast.CallExpr) *Need {
	a, b, op := c.Args()[0], c.Args()[1], c.FunctionName()
	if a.Kind() == ast.LiteralKind {
		a, b = b, a
		op = map[string]string{operators.Greater: operators.Less, operators.GreaterEquals: operators.LessEquals,
			operators.Less: operators.Greater, operators.LessEquals: operators.GreaterEquals}[op]
	}
	o, ok := r.operand(a)
	if !ok || b.Kind() != ast.LiteralKind {
		return nil
	}
	var n uint64
	most := false
	switch v := b.AsLiteral().(type) {
	case types.Int:
		n, most, ok = uint64(v), v == math.MaxInt64, o.form == formInt
	case types.Uint:
		n, most, ok = uint64(v), v == math.MaxUint64, o.form == formUint
	default:
		return nil
	}
	next := op == operators.Greater || op == operators.LessEquals
	if !ok || next && most {
		return nil
	}
	if next {
		n++
	}
	return turn(tested(&Atom{Kind: TestAtLeast, Subject: o.Subject, Numbers: []uint64{n}}), op == operators.Less || op == operators.LessEquals)
}

func (r needReader) equal(a, b ast.Expr) *Need {
	if a.Kind() == ast.LiteralKind {
		a, b = b, a
	}
	o, ok := r.operand(a)
	if !ok || b.Kind() != ast.LiteralKind {
		return nil
	}
	return o.among([]ref.Val{b.AsLiteral()})
}

// has is `literal in list`.
func (r needReader) has(a, b ast.Expr) *Need {
	text, isText := stringLiteral(a)
	list := r.textList(b)
	if !isText || list == nil {
		return nil
	}
	return &Need{Op: NeedItem, list: list, Parts: []*Need{tested(&Atom{Kind: TestEquals, Subject: list, Values: []string{text}})}}
}

// member is `x in [literals]` and `x in lists.NAME`.
func (r needReader) member(a, b ast.Expr) *Need {
	o, ok := r.operand(a)
	if !ok {
		return nil
	}
	if list, ok := r.lists[listName(b)]; ok {
		if o.IsText() && o.fold == nil && list.elem == types.StringType {
			return tested(&Atom{Kind: TestEquals, Subject: o.Subject, Values: list.source, set: list.textSet()})
		}
		return o.among(slices.Collect(maps.Keys(list.set)))
	}
	if b.Kind() != ast.ListKind {
		return nil
	}
	var values []ref.Val
	for _, item := range b.AsList().Elements() {
		if item.Kind() != ast.LiteralKind {
			return nil
		}
		values = append(values, item.AsLiteral())
	}
	return o.among(values)
}

// among is met by one of the values.
func (o operand) among(values []ref.Val) *Need {
	if o.IsText() {
		var texts []string
		for _, v := range values {
			s, ok := v.(types.String)
			if !ok {
				return nil
			}
			texts = append(texts, string(s))
		}
		return o.texts(TestEquals, o.fold != nil, texts)
	}
	t := &Atom{Kind: TestNumber, Subject: o.Subject}
	for _, v := range values {
		switch {
		case v == types.True:
			t.Numbers = append(t.Numbers, 1)
		case v == types.False:
			t.Numbers = append(t.Numbers, 0)
		case v.Type() == types.IntType && o.form == formInt:
			t.Numbers = append(t.Numbers, uint64(v.(types.Int)))
		case v.Type() == types.UintType && o.form == formUint:
			t.Numbers = append(t.Numbers, uint64(v.(types.Uint)))
		default:
			return nil
		}
	}
	return tested(t)
}

// texts is a test against literals. Where the text is brought to one case
// first, a literal of the other case is never met.
func (o operand) texts(kind TestKind, fold bool, values []string) *Need {
	t := &Atom{Kind: kind, Subject: o.Subject, Fold: fold}
	for _, v := range values {
		if o.fold != nil && o.fold(v) != v {
			continue
		}
		if fold {
			v = lowerASCII(v)
		}
		t.Values = append(t.Values, v)
	}
	if kind == TestEquals && len(t.Values) > fewValues {
		t.set = setOf(t.Values)
	}
	return tested(t)
}

// textTest is what a method of a text asks of it.
type textTest struct {
	kind TestKind
	fold bool
}

var textTests = map[string]textTest{
	"startsWith": {TestPrefix, false}, "endsWith": {TestSuffix, false}, "contains": {TestContains, false},
	"startsWithFold": {TestPrefix, true}, "endsWithFold": {TestSuffix, true}, "containsFold": {TestContains, true}, "equalsFold": {TestEquals, true},
}

// compare is a call of a method with one literal.
func (r needReader) compare(c ast.CallExpr) *Need {
	o, arg, ok := r.method(c)
	if !ok {
		return nil
	}
	if c.FunctionName() == "under" {
		return o.under(arg)
	}
	t, ok := textTests[c.FunctionName()]
	if !ok {
		return nil
	}
	return o.compare(t, []string{arg})
}

func (o operand) compare(t textTest, values []string) *Need {
	if t.fold {
		o.fold = nil // whatever case the text was brought to, this brings it to another
	}
	return o.texts(t.kind, t.fold || o.fold != nil, values)
}

// method takes a call of a method of a text with one literal.
func (r needReader) method(c ast.CallExpr) (operand, string, bool) {
	if !c.IsMemberFunction() || len(c.Args()) != 1 {
		return operand{}, "", false
	}
	o, ok := r.operand(c.Target())
	arg, isString := stringLiteral(c.Args()[0])
	return o, arg, ok && isString && o.IsText()
}

// under is the folder itself or what begins with its name and a slash.
func (o operand) under(folder string) *Need {
	folder = strings.TrimRight(folder, "/")
	below := o.texts(TestPrefix, o.fold != nil, []string{folder + "/"})
	if folder == "" {
		return below
	}
	return &Need{Op: NeedAny, Parts: []*Need{o.texts(TestEquals, o.fold != nil, []string{folder}), below}}
}
