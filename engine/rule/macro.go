package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"go.yaml.in/yaml/v3"
)

const (
	macrosName  = "macros"
	macroPrefix = macrosName + "."
)

// Macro is a named expression, read as macros.NAME. It is written into every
// expression that names it before anything looks at that expression.
type Macro struct {
	Name, Description, Where string
	File                     string
	Line                     int

	src   *source
	node  *yaml.Node
	state macroState
	ast   *ast.AST // parsed, the macros in it expanded; nil where it is of no use
	size  int      // nodes of ast
	uses  []string // macros that were expanded in it
}

type macroState int

const (
	macroNew macroState = iota
	macroOpen
	macroDone
)

var macroTable = table[Macro]{"a macro", []key[Macro]{
	must(formKey("macro", nameForm, nameHint, func(m *Macro) *string { return &m.Name })),
	textKey("description", maxText, func(m *Macro) *string { return &m.Description }),
	must(whereKey(func(m *Macro) (*string, **yaml.Node) { return &m.Where, &m.node })),
}}

func (w *walker) macroDocument(n *yaml.Node) *Macro {
	m := &Macro{File: w.src.name, Line: n.Line, src: w.src}
	if _, ok := macroTable.read(w, n, m); !ok {
		return nil
	}
	return m
}

// compileMacros compiles every macro by itself, those that it reads first.
func (l *loader) compileMacros(g *language) {
	for _, m := range byName(l.macros) {
		l.compileMacro(g, m, nil)
	}
}

// compileMacro is called from within another macro that reads it; ring are the
// macros that are being compiled.
func (l *loader) compileMacro(g *language, m *Macro, ring []*Macro) {
	if m.state != macroNew || m.Where == "" {
		return
	}
	m.state = macroOpen
	defer func() { m.state = macroDone }()
	w := &walker{src: m.src}
	defer func() { l.findings = append(l.findings, w.findings...) }()
	e := g.expression(w, newEstimator(g.lists))
	e.what, e.condition, e.text = "the macro", true, m.src.scalarText(m.node)
	e.src = e.text.value
	parsed := e.parse()
	if parsed == nil {
		return
	}
	ring = append(ring, m)
	for _, name := range macroNames(parsed.NativeRep()) {
		other := l.macros[name]
		switch {
		case other == nil: // expanding says so
		case other.state == macroOpen:
			e.w.fail(CodeCycle, e.text.start, "the macro reads itself: "+ringText(ring, other), "macros may read others, but not in a ring")
			return
		default:
			l.compileMacro(g, other, ring)
		}
	}
	if checked := e.checked(parsed); checked == nil {
		return
	}
	m.ast, m.size = parsed.NativeRep(), ast.NodeCount(parsed.NativeRep())
	m.uses = usedMacros(e.used)
}

// ringText names the macros of a ring, from the one that closes it.
func ringText(ring []*Macro, back *Macro) string {
	var names []string
	for _, m := range ring[slices.Index(ring, back):] {
		names = append(names, m.Name)
	}
	return strings.Join(append(names, back.Name), " reads ")
}

func usedMacros(used map[string]bool) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if strings.HasPrefix(name, macroPrefix) {
			out = append(out, name)
		}
	}
	return out
}

// macroName is the macro that n reads, "" where it reads none.
func macroName(n ast.Expr) string {
	if n.Kind() != ast.SelectKind || n.AsSelect().IsTestOnly() {
		return ""
	}
	sel := n.AsSelect()
	if sel.Operand().Kind() != ast.IdentKind || sel.Operand().AsIdent() != macrosName {
		return ""
	}
	return sel.FieldName()
}

func macroNames(a *ast.AST) (names []string) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(n ast.Expr) {
		if name := macroName(n); name != "" {
			names = append(names, name)
		}
	}))
	return names
}

// expand writes macros out where they are named, before the types are checked;
// false where one cannot be.
func (e *expression) expand(parsed *cel.Ast) bool {
	a := parsed.NativeRep()
	var reads []ast.Expr
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(n ast.Expr) {
		if macroName(n) != "" {
			reads = append(reads, n)
		}
	}))
	if len(reads) == 0 {
		return true
	}
	e.expanded = map[int64]bool{}
	size, next := ast.NodeCount(a), ast.MaxID(a)
	for _, n := range reads {
		name := macroName(n)
		m := e.macros[name]
		if m == nil {
			e.unknownMacro(a, n, name)
			return false
		}
		if m.ast == nil {
			e.failed = true // its finding is at its own place
			return false
		}
		if size += m.size; size > maxNodes {
			e.w.fail(CodeTooLarge, e.placeOf(a, n.AsSelect().Operand().ID()), fmt.Sprintf("%s has more than %d parts with its macros written out", e.what, maxNodes), "")
			return false
		}
		next = e.splice(a, n, m.ast, next)
		e.used[macroPrefix+name] = true
		for _, used := range m.uses {
			e.used[used] = true
		}
	}
	return true
}

// splice writes a copy of the macro in the place of n, all at the position of n,
// and answers the highest id then.
func (e *expression) splice(a *ast.AST, n ast.Expr, macro *ast.AST, highest int64) int64 {
	info := a.SourceInfo()
	where, _ := info.GetOffsetRange(n.AsSelect().Operand().ID())
	ids := map[int64]int64{0: 0, macro.Expr().ID(): n.ID()}
	renumber := func(old int64) int64 {
		id, ok := ids[old]
		if !ok {
			highest++
			id = highest
			ids[old] = id
		}
		info.SetOffsetRange(id, where)
		e.expanded[id] = true
		return id
	}
	factory := ast.NewExprFactory()
	body := factory.CopyExpr(macro.Expr())
	body.RenumberIDs(renumber)
	n.SetKindCase(body)
	for old, call := range macro.SourceInfo().MacroCalls() {
		text := factory.CopyExpr(call)
		text.RenumberIDs(renumber)
		info.SetMacroCall(renumber(old), text)
	}
	return highest
}

func (e *expression) unknownMacro(a *ast.AST, n ast.Expr, name string) {
	p := e.placeOf(a, n.ID())
	p.column++ // the parser points at the dot
	known := slices.Sorted(maps.Keys(e.macros))
	suggestion := ""
	switch near := nearest(name, known); {
	case near != "":
		suggestion = "did you mean " + macroPrefix + near + "?"
	case len(known) > 0:
		suggestion = "there are " + strings.Join(known, ", ")
	}
	e.w.fail(CodeUnknownMacro, p, fmt.Sprintf("there is no macro %q", name), suggestion)
}
