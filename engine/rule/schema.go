package rule

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"picket.internal/fact"
)

// form is what a field holds, which decides how it is read.
type form int

const (
	formString form = iota
	formInt
	formUint
	formDouble
	formBool
	formTime
	formObject
	formStrings
	formObjects
)

// structType is one Go struct of package fact as CEL sees it.
type structType struct {
	name   string
	cel    *types.Type
	fields []field
	index  map[string]int
	names  []string
	absent *block // what stands for an object that is not there
}

// field is one field of a structType.
type field struct {
	name     string
	form     form
	at       int  // index in the Go struct
	pointer  bool // a pointer to a scalar: nil is absent
	required bool // always there when its object is
	decimal  bool // a number that JSON carries as a text
	elem     *structType
	cel      *types.Type
	zero     ref.Val
	access   *types.FieldType
}

// schema is every struct that a rule can reach. Fields of the fact and
// "prevalence" are variables of the language.
type schema struct {
	types  map[string]*structType
	root   *structType
	prev   *structType
	window *structType
}

// factSchema is read off the Go types of package fact once: they do not change
// while the program runs. A test holds it against fact.Fields.
var factSchema = sync.OnceValue(func() *schema {
	s := &schema{types: map[string]*structType{}}
	s.root = s.add(reflect.TypeFor[fact.Fact]())
	s.prev = s.add(reflect.TypeFor[fact.Prevalence]())
	s.window = s.add(reflect.TypeFor[Window]())
	return s
})

// add describes a struct by its json tags. Structs of package fact do not hold
// themselves, so this ends.
func (s *schema) add(t reflect.Type) *structType {
	name := "fact." + t.Name()
	if st, ok := s.types[name]; ok {
		return st
	}
	st := &structType{name: name, cel: types.NewObjectType(name), index: map[string]int{}}
	st.absent = &block{typ: st}
	s.types[name] = st
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || tag == "" || tag == "-" {
			continue
		}
		fd := field{name: tag, at: i, required: !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")}
		fd.decimal = strings.Contains(","+options+",", ",string,")
		s.describe(&fd, f.Type)
		fd.access = accessor(st, len(st.fields), fd.cel)
		st.index[tag] = len(st.fields)
		st.names = append(st.names, tag)
		st.fields = append(st.fields, fd)
	}
	return st
}

func (s *schema) describe(f *field, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		f.pointer = true
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		f.form, f.cel, f.zero = formTime, types.TimestampType, types.Timestamp{}
	case t.Kind() == reflect.String:
		f.form, f.cel, f.zero = formString, types.StringType, types.String("")
	case t.Kind() == reflect.Int64:
		f.form, f.cel, f.zero = formInt, types.IntType, types.IntZero
	case t.Kind() == reflect.Uint64:
		f.form, f.cel, f.zero = formUint, types.UintType, types.Uint(0)
	case t.Kind() == reflect.Float64:
		f.form, f.cel, f.zero = formDouble, types.DoubleType, types.Double(0)
	case t.Kind() == reflect.Bool:
		f.form, f.cel, f.zero = formBool, types.BoolType, types.False
	case t.Kind() == reflect.Struct:
		f.form, f.elem = formObject, s.add(t)
		f.cel, f.zero = f.elem.cel, f.elem.absent
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		f.form, f.cel = formStrings, types.NewListType(types.StringType)
		f.zero = types.NewStringList(types.DefaultTypeAdapter, nil)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		f.form, f.elem = formObjects, s.add(t.Elem())
		f.cel, f.zero = types.NewListType(f.elem.cel), types.NewRefValList(types.DefaultTypeAdapter, nil)
	default:
		panic(fmt.Sprintf("internal error: field %q of package fact has the unexpected type %v", f.name, t))
	}
}

// single reports whether the field holds one value, so that it can be a key.
func (f *field) single() bool {
	return f.form != formObject && f.form != formObjects && f.form != formStrings
}

// accessor is how cel-go reads field i: an index into the block, no maps.
func accessor(st *structType, i int, t *types.Type) *types.FieldType {
	return &types.FieldType{
		Type: t,
		IsSet: func(obj any) bool {
			b, ok := obj.(*block)
			return ok && b.typ == st && b.has(i)
		},
		GetFrom: func(obj any) (any, error) {
			b, ok := obj.(*block)
			if !ok || b.typ != st {
				return nil, fmt.Errorf("reading a field of %s from %T", st.name, obj)
			}
			return b.get(i), nil
		},
	}
}

// lookup follows a dotted path from the top of a fact, as in "process.pid".
func (s *schema) lookup(path string) (*field, bool) {
	st := s.root
	first, rest, deeper := strings.Cut(path, ".")
	if first == "prevalence" {
		if !deeper {
			return nil, false
		}
		st = s.prev
		first, rest, deeper = strings.Cut(rest, ".")
	}
	for {
		i, ok := st.index[first]
		if !ok {
			return nil, false
		}
		f := &st.fields[i]
		if !deeper {
			return f, true
		}
		if f.form != formObject {
			return nil, false
		}
		st = f.elem
		first, rest, deeper = strings.Cut(rest, ".")
	}
}
