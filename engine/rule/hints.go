package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
)

// What the type checker says is true, and rarely what helps. Here its messages
// become findings: in the words of rules, at the place that is wrong, with what
// the author may have meant.

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

// typeError sorts a message of the type checker by its form, which a golden test
// would show to have changed.
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

// unknownField looks for the name in its own object first, then further down:
// most slips leave a level out.
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
	switch name {
	case "prevalence":
		return s.prev, true
	case windowName:
		return s.window, true
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

// unknownName is about a word that is no variable: a slip, a list that is not
// there, or a text without its quotes.
func (e *expression) unknownName(p place, n ast.Expr) {
	name := ""
	if n != nil && n.Kind() == ast.IdentKind {
		name = factName(n.AsIdent())
	}
	if name == "lists" {
		e.unknownList(p)
		return
	}
	if name == macrosName {
		e.w.fail(CodeUnknownMacro, p, "macros is no value", "a macro is read as macros.NAME")
		return
	}
	names := append(slices.Clone(factSchema().root.names), otherNames...)
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

// unknownList finds the name itself: the checker only says that "lists" is no
// variable.
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
		if _, known := e.in[rest[1:end]]; !known && e.est.lists[e.local+rest[1:end]] == nil {
			name = rest[1:end]
			p = e.text.place(e.from + to + 1)
		}
	})
	var known []string
	for n := range e.in {
		known = append(known, n)
	}
	for n := range e.est.lists {
		if own, ok := strings.CutPrefix(n, e.local); ok && e.local != "" {
			known = append(known, own)
		}
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

// noOverload says which types do not go together, in the words of rules.
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

// overloadHint knows what to write instead for the pairs that come up.
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
