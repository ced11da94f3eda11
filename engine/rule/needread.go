package rule

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// needReader reads the necessary condition off a checked one.
type needReader struct {
	s     *schema
	lists map[string]*constList
	info  *ast.SourceInfo
	// items are the variables of list macros around the expression, each an item
	// of a list of texts.
	items map[string]*Subject
}

func (r needReader) opaque(e ast.Expr) *Need { return &Need{expr: e, info: r.info} }

// necessary reads e, or with not its negation, down to where parts are plain
// enough to be tests. One part of an && decides, all parts of an || together.
func (r needReader) necessary(e ast.Expr, not bool) *Need {
	n := r.read(e, not)
	if n == nil {
		return r.opaque(e)
	}
	return n
}

func (r needReader) read(e ast.Expr, not bool) *Need {
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind:
		return turn(r.truth(e), not)
	case ast.ComprehensionKind:
		return r.macro(e.AsComprehension(), not)
	case ast.CallKind:
		return r.call(e.AsCall(), not)
	}
	return nil
}

func (r needReader) call(c ast.CallExpr, not bool) *Need {
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalNot:
		return r.read(args[0], !not)
	case operators.LogicalAnd, operators.LogicalOr:
		op := NeedAll
		if (c.FunctionName() == operators.LogicalOr) != not {
			op = NeedAny
		}
		n := &Need{Op: op}
		for _, arg := range args {
			n.Parts = append(n.Parts, r.necessary(arg, not))
		}
		return n
	case operators.Equals:
		return turn(r.equal(args[0], args[1]), not)
	case operators.NotEquals:
		return turn(r.equal(args[0], args[1]), !not)
	case operators.In:
		if n := r.has(args[0], args[1]); n != nil && !not {
			return n
		}
		return turn(r.member(args[0], args[1]), not)
	case "matches", "glob":
		return r.pattern(c, not)
	}
	return turn(r.compare(c), not)
}

// turn negates a Need that is exact, as all are that it is given: made of tests
// that are met if and only if the expression is true, and that cannot fail.
func turn(n *Need, not bool) *Need {
	if n == nil || !not {
		return n
	}
	switch n.Op {
	case NeedAll, NeedAny:
		out := &Need{Op: NeedAll + NeedAny - n.Op}
		for _, p := range n.Parts {
			out.Parts = append(out.Parts, turn(p, true))
		}
		return out
	}
	return &Need{Op: NeedTest, Test: n.Test, Not: !n.Not}
}

// macro reads list.exists(x, …), and the negation of list.all(x, …), over a
// list of texts. What the items must meet together, each must meet by itself.
func (r needReader) macro(c ast.ComprehensionExpr, not bool) *Need {
	step, op := c.LoopStep(), operators.LogicalOr
	if not {
		op = operators.LogicalAnd
	}
	if c.HasIterVar2() || step.Kind() != ast.CallKind || step.AsCall().FunctionName() != op || len(step.AsCall().Args()) != 2 ||
		c.Result().Kind() != ast.IdentKind || c.Result().AsIdent() != c.AccuVar() {
		return nil
	}
	if init := c.AccuInit(); init.Kind() != ast.LiteralKind || init.AsLiteral() != types.Bool(not) {
		return nil
	}
	accu, body := step.AsCall().Args()[0], step.AsCall().Args()[1]
	if accu.Kind() != ast.IdentKind || accu.AsIdent() != c.AccuVar() {
		return nil
	}
	name, test, ok := fieldName(c.IterRange())
	if !ok || test {
		return nil
	}
	p, f, ok := r.s.pathTo(name)
	if !ok || f.form != formStrings {
		return nil
	}
	inner := r
	inner.items = maps.Clone(r.items)
	if inner.items == nil {
		inner.items = map[string]*Subject{}
	}
	inner.items[c.IterVar()] = newSubject(name, p)
	n := inner.necessary(body, not)
	n.loose = n.Op == NeedAll || !ofItems(n)
	return n
}

// ofItems reports whether all tests are of items of a list: then one item meets
// the whole where one item meets a part.
func ofItems(n *Need) bool {
	switch n.Op {
	case NeedTest:
		return n.Test.Subject.each
	case NeedAny:
		return !slices.ContainsFunc(n.Parts, func(p *Need) bool { return !ofItems(p) })
	}
	return false
}

// truth is a bool field by itself, or has(field).
func (r needReader) truth(e ast.Expr) *Need {
	name, test, ok := fieldName(e)
	if !ok {
		return nil
	}
	p, f, ok := r.s.pathTo(name)
	switch {
	case !ok:
		return nil
	case test:
		s := newSubject(name, p)
		s.Name = name
		return tested(&Atom{Kind: TestPresent, Subject: s})
	case f.form == formBool:
		return tested(&Atom{Kind: TestNumber, Subject: newSubject(name, p), Numbers: []uint64{1}})
	}
	return nil
}

func tested(t *Atom) *Need { return &Need{Op: NeedTest, Test: t} }

// operand is what a comparison looks at.
type operand struct {
	*Subject
	fold func(string) string // the case that the text is brought to first; nil: none
}

// plainForms are the forms whose values Go compares as CEL does.
var plainForms = []form{formString, formInt, formUint, formBool}

// operand reads a field, an item of a list, or a part of either.
func (r needReader) operand(e ast.Expr) (operand, bool) {
	if e.Kind() == ast.CallKind && e.AsCall().IsMemberFunction() && len(e.AsCall().Args()) == 0 {
		return r.derived(e.AsCall())
	}
	if e.Kind() == ast.IdentKind {
		if item, ok := r.items[e.AsIdent()]; ok {
			return operand{Subject: item}, true
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

// has is `literal in list`. Its negation is about all items, which no test is.
func (r needReader) has(a, b ast.Expr) *Need {
	text, isText := stringLiteral(a)
	name, test, ok := fieldName(b)
	if !isText || !ok || test {
		return nil
	}
	p, f, ok := r.s.pathTo(name)
	if !ok || f.form != formStrings {
		return nil
	}
	return tested(&Atom{Kind: TestEquals, Subject: newSubject(name, p), Values: []string{text}})
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

var textTests = map[string]struct {
	kind TestKind
	fold bool
}{
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
	if t.fold {
		o.fold = nil // whatever case the text was brought to, this brings it to another
	}
	return o.texts(t.kind, t.fold || o.fold != nil, []string{arg})
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
