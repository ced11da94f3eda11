package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// expression is one CEL expression of a document while it is compiled.
type expression struct {
	w    *walker
	env  *cel.Env
	est  *estimator
	on   []string         // the rule's kinds; nil leaves them unchecked
	in   map[string]*List // lists that may be named
	used map[string]bool  // lists that were
	text *text            // the scalar that holds it
	from int              // where in the scalar's value it begins
	src  string           // the expression itself, from there
	what string           // for messages: "the condition", "the message"

	condition bool   // it decides whether the rule matches
	cost      uint64 // set by check
}

func (e *expression) place(line, column int) place {
	inner := &text{value: e.src}
	return e.text.place(e.from + inner.offset(line, column))
}

func (e *expression) placeOf(a *ast.AST, id int64) place {
	l := a.SourceInfo().GetStartLocation(id)
	return e.place(l.Line(), l.Column())
}

// compile parses, type-checks and checks; it answers nil where there was an
// error, and then there is at least one finding.
func (e *expression) compile() *cel.Ast {
	if len(e.src) > maxExpression {
		e.w.fail(CodeTooLarge, e.text.place(e.from), fmt.Sprintf("%s is longer than %d bytes", e.what, maxExpression), "")
		return nil
	}
	if unaliasPackage(e.src) != e.src {
		e.w.fail(CodeUnknownName, e.text.place(e.from), fmt.Sprintf("there is no block or variable %q", packageAlias), "did you mean "+packageField+"?")
		return nil
	}
	parsed, iss := e.env.Parse(aliasPackage(e.src))
	if iss.Err() != nil {
		e.syntaxErrors(iss)
		return nil
	}
	if !e.allowed(parsed.NativeRep()) {
		return nil
	}
	checked, iss := e.env.Check(parsed)
	if iss.Err() != nil {
		e.typeErrors(parsed.NativeRep(), iss)
		return nil
	}
	before := len(e.w.findings)
	e.check(checked)
	if Findings(e.w.findings[before:]).HasErrors() {
		return nil
	}
	return checked
}

// allowed refuses what parses but has no place in a rule.
func (e *expression) allowed(a *ast.AST) bool {
	ok := true
	refuse := func(n ast.Expr, message, suggestion string) {
		e.w.fail(CodeUnsupported, e.placeOf(a, n.ID()), message, suggestion)
		ok = false
	}
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(n ast.Expr) {
		switch n.Kind() {
		case ast.MapKind:
			refuse(n, "conditions have no use for maps", "to test for one of several values write: field in [\"a\", \"b\"]")
		case ast.StructKind:
			refuse(n, "conditions make no objects", "")
		case ast.ComprehensionKind:
			v := n.AsComprehension().IterVar()
			_, isBlock := factSchema().root.index[factName(v)]
			if isBlock || v == "prevalence" || v == "lists" {
				refuse(n, fmt.Sprintf("the variable %q of the list macro hides the block of that name", v), "give it another name, as in process.args.exists(a, a == \"-i\")")
			}
		case ast.LiteralKind:
			switch n.AsLiteral().Type() {
			case types.BytesType:
				refuse(n, "conditions have no use for bytes", "write a text without the b")
			case types.NullType:
				refuse(n, "conditions have no use for null", "to ask whether a field is there write has(field)")
			}
		}
	}))
	return ok
}

func (e *expression) syntaxErrors(iss *cel.Issues) {
	err := iss.Errors()[0] // what follows the first is mostly its echo
	message := strings.ReplaceAll(strings.TrimPrefix(err.Message, "Syntax error: "), packageAlias, packageField)
	if i := strings.Index(message, " expecting "); i > 0 {
		message = message[:i]
	}
	message = strings.Replace(message, "mismatched input '<EOF>'", "the expression ends too early", 1)
	p := e.place(err.Location.Line(), err.Location.Column())
	e.w.fail(CodeSyntax, p, fmt.Sprintf("malformed %s: %s", strings.TrimPrefix(e.what, "the "), message), e.syntaxHint(message))
}

func (e *expression) syntaxHint(message string) string {
	words := map[string]string{"and": "&&", "or": "||", "not": "!"}
	hint := ""
	celTokens(e.src, func(from, to int) {
		if op, ok := words[e.src[from:to]]; ok && hint == "" {
			hint = fmt.Sprintf("write %s instead of %s", op, e.src[from:to])
		}
	})
	if hint == "" && strings.Contains(message, "token recognition error at: '=") {
		hint = "compare with =="
	}
	return hint
}

// typeErrors turns what the type checker says into findings; one expression
// has at most a handful.
func (e *expression) typeErrors(a *ast.AST, iss *cel.Issues) {
	nodes := map[int64]ast.Expr{}
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(n ast.Expr) { nodes[n.ID()] = n }))
	for i, err := range iss.Errors() {
		if i == 5 {
			return
		}
		p := e.place(err.Location.Line(), err.Location.Column())
		e.typeError(p, err.Message, nodes[err.ExprID])
	}
}

func (e *expression) typeError(p place, message string, n ast.Expr) {
	var name, signature string
	switch {
	case n != nil && scan(message, "undefined field '", &name, "'"):
		p.column++ // the checker points at the dot
		e.unknownField(p, n, name)
	case n != nil && n.Kind() == ast.SelectKind && strings.HasPrefix(message, "undeclared reference"):
		e.unknownName(p, selectRoot(n))
	case scan(message, "undeclared reference to '", &name, "'"):
		if n != nil && n.Kind() == ast.CallKind {
			e.w.fail(CodeUnknownName, e.calleePlace(p, name), fmt.Sprintf("there is no function %q", name), e.functionHint(name))
			return
		}
		e.unknownName(p, n)
	case scan(message, "found no matching overload for '", &name, "'") && scan(message, "applied to '", &signature, "'"):
		e.noOverload(p, name, signature)
	default:
		e.w.fail(CodeType, p, strings.ReplaceAll(message, packageAlias, packageField), "")
	}
}

// calleePlace is where the name of a called function stands; cel-go places a
// call at its parenthesis.
func (e *expression) calleePlace(p place, name string) place {
	for i := range len(e.src) {
		if e.text.place(e.from+i) != p {
			continue
		}
		if j := strings.LastIndex(e.src[:i], name); j >= 0 {
			return e.text.place(e.from + j)
		}
	}
	return p
}

// scan finds what stands between two texts.
func scan(s, before string, out *string, after string) bool {
	_, rest, ok := strings.Cut(s, before)
	if !ok {
		return false
	}
	found, _, ok := strings.Cut(rest, after)
	*out = found
	return ok
}

func (e *expression) unknownField(p place, n ast.Expr, name string) {
	s := factSchema()
	owner, _, ok := fieldName(n.AsSelect().Operand())
	if !ok {
		e.w.fail(CodeUnknownField, p, fmt.Sprintf("there is no field %q", name), "")
		return
	}
	if owner == rootName {
		owner = ""
	}
	var names []string
	if st, ok := s.object(owner); ok {
		names = st.names
	}
	suggestion := ""
	if near := nearest(name, names); near != "" {
		suggestion = fmt.Sprintf("did you mean %s.%s?", owner, near)
	} else if near := s.elsewhere(owner, name); near != "" {
		suggestion = fmt.Sprintf("did you mean %s?", near)
	}
	e.w.fail(CodeUnknownField, p, fmt.Sprintf("there is no field %q in %s", name, owner), suggestion)
}

// object is the struct that a dotted name leads to.
func (s *schema) object(name string) (*structType, bool) {
	if name == "prevalence" {
		return s.prev, true
	}
	f, ok := s.lookup(name)
	if !ok || f.form != formObject {
		return nil, false
	}
	return f.elem, true
}

// elsewhere looks for a field of that name one object further down or in the
// object's parent: process.sha256 is process.hash.sha256.
func (s *schema) elsewhere(owner, name string) string {
	st, ok := s.object(owner)
	if !ok {
		return ""
	}
	for _, f := range st.fields {
		if f.form == formObject {
			if _, ok := f.elem.index[name]; ok {
				return owner + "." + f.name + "." + name
			}
		}
	}
	return ""
}

func (e *expression) unknownName(p place, n ast.Expr) {
	name := ""
	if n != nil && n.Kind() == ast.IdentKind {
		name = factName(n.AsIdent())
	}
	if name == "lists" {
		e.unknownList(p)
		return
	}
	names := append(slices.Clone(factSchema().root.names), "prevalence", "lists")
	suggestion := didYouMean(name, names)
	if suggestion == "" && strings.IndexByte("'\"", firstByte(name)) < 0 {
		suggestion = fmt.Sprintf("a text is written in quotes: %q", name)
	}
	e.w.fail(CodeUnknownName, p, fmt.Sprintf("there is no block or variable %q", name), suggestion)
}

func firstByte(s string) byte {
	if s == "" {
		return '"'
	}
	return s[0]
}

func (e *expression) unknownList(p place) {
	name := ""
	celTokens(e.src, func(from, to int) {
		rest := e.src[to:]
		if e.src[from:to] != "lists" || name != "" || !strings.HasPrefix(rest, ".") {
			return
		}
		end := 1
		for end < len(rest) && isWordByte(rest[end]) {
			end++
		}
		if _, known := e.in[rest[1:end]]; !known {
			name = rest[1:end]
			p = e.text.place(e.from + to + 1)
		}
	})
	var known []string
	for n := range e.in {
		known = append(known, n)
	}
	slices.Sort(known)
	suggestion := ""
	switch near := nearest(name, known); {
	case near != "":
		suggestion = "did you mean lists." + near + "?"
	case len(known) > 0:
		suggestion = "there are " + strings.Join(known, ", ")
	}
	e.w.fail(CodeUnknownList, p, fmt.Sprintf("there is no list %q", name), suggestion)
}

func (e *expression) functionHint(name string) string {
	var names []string
	for n := range e.env.Functions() {
		if isWordStart(n[0]) && !strings.HasPrefix(n, "_") {
			names = append(names, n)
		}
	}
	names = append(names, "has", "exists", "all", "exists_one", "filter", "map")
	slices.Sort(names)
	return didYouMean(name, names)
}

var operatorNames = map[string]string{"@in": "in", "-_": "-", "!_": "!", "_[_]": "[]", "_?_:_": "? :"}

func (e *expression) noOverload(p place, name, signature string) {
	operator := operatorNames[name]
	if operator == "" {
		operator = strings.Trim(name, "_")
	}
	types := strings.TrimSuffix(strings.TrimPrefix(signature, "("), ")")
	if f, ok := functionByName(name); ok && !strings.Contains(types, ".(") {
		e.w.fail(CodeType, p, fmt.Sprintf("%s() is called on a value", f.name), fmt.Sprintf("write field.%s()", f.name))
		return
	}
	target, args, member := strings.Cut(types, ".(")
	message := fmt.Sprintf("%s does not take %s", operator, strings.ReplaceAll(types, ", ", " and "))
	if member {
		message = fmt.Sprintf("%s() of a %s does not take (%s)", operator, target, args)
	}
	e.w.fail(CodeType, p, message, overloadHint(types))
}

func overloadHint(types string) string {
	has := func(a, b string) bool { return types == a+", "+b || types == b+", "+a }
	switch {
	case has("uint", "int"):
		return "this field is a uint: write the number with a u, as in 4096u"
	case has("double", "int"):
		return "this field is a double: write the number with a point, as in 1.0"
	case types == "string, int":
		return "the left side is a text: write the number in quotes"
	case types == "int, string":
		return "the left side is a number: write it without quotes"
	case has("list(string)", "string"):
		return "this field is a list: write \"x\" in field, or field.exists(a, a == \"x\")"
	case strings.Contains(types, "timestamp") && strings.Contains(types, "string"):
		return "write timestamp(\"2026-01-01T00:00:00Z\")"
	case strings.Contains(types, "fact."):
		return "this is a whole block: name one of its fields"
	}
	return ""
}

// selectRoot is the identifier that a chain of selections begins with.
func selectRoot(n ast.Expr) ast.Expr {
	for n.Kind() == ast.SelectKind {
		n = n.AsSelect().Operand()
	}
	return n
}
