package rule

import (
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types/ref"
)

// fieldPath is a field as indexes from the top of the fact.
type fieldPath struct {
	prevalence bool
	steps      []int
}

// pathTo resolves a dotted name.
func (s *schema) pathTo(dotted string) (fieldPath, *field, bool) {
	names := strings.Split(dotted, ".")
	p, st := fieldPath{}, s.root
	if names[0] == "prevalence" {
		p.prevalence, st, names = true, s.prev, names[1:]
	}
	var f *field
	for i, name := range names {
		at, ok := st.index[name]
		if !ok || i > 0 && f.form != formObject {
			return fieldPath{}, nil, false
		}
		f = &st.fields[at]
		p.steps = append(p.steps, at)
		if f.elem != nil {
			st = f.elem
		}
	}
	return p, f, f != nil
}

// block is the object that holds the field; absent objects read as empty ones.
func (p fieldPath) block(v *Vars) *block {
	b := v.root
	if p.prevalence {
		b = v.prev
	}
	for _, i := range p.steps[:len(p.steps)-1] {
		b = b.get(i).(*block)
	}
	return b
}

func (p fieldPath) read(v *Vars) ref.Val { return p.block(v).get(p.steps[len(p.steps)-1]) }

func (p fieldPath) has(v *Vars) bool { return p.block(v).has(p.steps[len(p.steps)-1]) }

// fieldName is the dotted name of a field that e reads, or tests with has().
// Variables of list macros are not fields; they shadow nothing, because the
// checks refuse macros whose variable is named like a block.
func fieldName(e ast.Expr) (name string, test, ok bool) {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		test = true
		sel := e.AsSelect()
		prefix, _, ok := fieldName(sel.Operand())
		if sel.Operand().Kind() == ast.IdentKind && sel.Operand().AsIdent() == rootName {
			return sel.FieldName(), true, true
		}
		return prefix + "." + sel.FieldName(), test, ok
	}
	switch e.Kind() {
	case ast.IdentKind:
		return factName(e.AsIdent()), false, e.AsIdent() != rootName
	case ast.SelectKind:
		sel := e.AsSelect()
		prefix, _, ok := fieldName(sel.Operand())
		return prefix + "." + sel.FieldName(), false, ok
	}
	return "", false, false
}
