package rule

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
)

// Reads are the fields that the condition reads, by their dotted names, in
// order. A field of an element of a list is named by the list.
func (r *Rule) Reads() []string {
	if !r.document.conditional() {
		return nil
	}
	s := factSchema()
	var out []string
	var visit func(n ast.Expr)
	visit = func(n ast.Expr) {
		if name, _, ok := fieldName(n); ok {
			for name != "" { // what follows the deepest field that there is was asked of its value
				if _, known := s.lookup(name); known {
					out = append(out, name)
					return
				}
				name = parentOf(name)
			}
		}
		for _, child := range children(n) {
			visit(child)
		}
	}
	visit(r.document.checked().NativeRep().Expr())
	slices.Sort(out)
	return slices.Compact(out)
}

func parentOf(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return name[:i]
}
