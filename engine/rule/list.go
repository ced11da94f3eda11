package rule

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

const (
	listPrefix  = "lists."
	inConstList = "picket_in_const_list"
)

// List is a named list of values: a document of its own, or local to a rule.
type List struct {
	Name        string
	Description string
	File        string
	Line        int

	src   *source
	value *constList
}

// Len is how many values the list has.
func (l *List) Len() int { return l.value.len() }

// constList is a list whose membership test does not depend on its length, and
// whose table is shared by all rules that name it.
type constList struct {
	traits.Lister
	set    map[ref.Val]struct{}
	elem   *types.Type
	source []string // for the version of the rules that use it

	once  sync.Once
	texts map[string]struct{} // source as a set, made when a rule first needs it
}

// textSet is the list of texts as a set that all rules share.
func (l *constList) textSet() map[string]struct{} {
	l.once.Do(func() { l.texts = setOf(l.source) })
	return l.texts
}

func setOf(values []string) map[string]struct{} {
	set := make(map[string]struct{}, len(values))
	for _, v := range values {
		set[v] = struct{}{}
	}
	return set
}

func newStringConst(values []string) *constList {
	l := &constList{
		Lister: types.NewStringList(types.DefaultTypeAdapter, values),
		set:    make(map[ref.Val]struct{}, len(values)), elem: types.StringType, source: values,
	}
	for _, v := range values {
		l.set[types.String(v)] = struct{}{}
	}
	return l
}

func newIntConst(values []int64) *constList {
	vals := make([]ref.Val, len(values))
	l := &constList{set: make(map[ref.Val]struct{}, len(values)), elem: types.IntType}
	for i, v := range values {
		vals[i] = types.Int(v)
		l.set[vals[i]] = struct{}{}
		l.source = append(l.source, fmt.Sprint(v))
	}
	l.Lister = types.NewRefValList(types.DefaultTypeAdapter, vals)
	return l
}

func (l *constList) len() int { return len(l.source) }

// Contains implements traits.Container.
func (l *constList) Contains(v ref.Val) ref.Val {
	_, ok := l.set[v]
	return types.Bool(ok)
}

// option declares the list as a constant of the language.
func (l *constList) option(name string) cel.EnvOption {
	return cel.Constant(listPrefix+name, types.NewListType(l.elem), l)
}

// stringsOf reads a list of strings.
func stringsOf(v ref.Val) ([]string, error) {
	switch list := v.Value().(type) {
	case []string:
		return list, nil
	default:
		l, ok := v.(traits.Lister)
		if !ok {
			return nil, fmt.Errorf("%s is no list", v.Type().TypeName())
		}
		var out []string
		for it := l.Iterator(); it.HasNext() == types.True; {
			s, ok := it.Next().(types.String)
			if !ok {
				return nil, fmt.Errorf("the list holds something else than strings")
			}
			out = append(out, string(s))
		}
		return out, nil
	}
}
