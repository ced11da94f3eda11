package rule

import (
	"reflect"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	"picket.internal/fact"
)

// Vars is one fact, with what the hub knows beside it, as conditions read it.
// Each field is converted once, however many rules read it. A Vars belongs to
// one goroutine; Reset makes it ready for the next fact.
type Vars struct {
	root, prev *block
	window     *block
	blocks     []*block
	used       int
	trace      *trace // what an evaluation notes; nil unless it is to be explained
}

// NewVars returns the variables of f; p may be nil.
func NewVars(f *fact.Fact, p *fact.Prevalence) *Vars {
	v := new(Vars)
	v.Reset(f, p)
	return v
}

// Reset forgets the last fact and takes up f; p may be nil. Resetting to nil
// lets go of the last fact.
func (v *Vars) Reset(f *fact.Fact, p *fact.Prevalence) {
	for _, b := range v.blocks[:v.used] {
		clear(b.vals)
		b.v = reflect.Value{}
	}
	v.used = 0
	s := factSchema()
	v.root, v.prev, v.window = s.root.absent, s.prev.absent, s.window.absent
	if f != nil {
		v.root = v.block(s.root, reflect.ValueOf(f).Elem())
	}
	if p != nil {
		v.prev = v.block(s.prev, reflect.ValueOf(p).Elem())
	}
}

// windowName is what stateful rules know beside the last fact.
const windowName = "window"

// SetWindow adds what a stateful rule found out; Reset takes it away again.
func (v *Vars) SetWindow(w *Window) {
	v.window = v.block(factSchema().window, reflect.ValueOf(w).Elem())
}

// block takes a block from those of earlier facts, or makes one: in the long run
// a fact costs no memory of its own.
func (v *Vars) block(t *structType, val reflect.Value) *block {
	if v.used == len(v.blocks) {
		v.blocks = append(v.blocks, new(block))
	}
	b := v.blocks[v.used]
	v.used++
	if cap(b.vals) < len(t.fields) {
		b.vals = make([]ref.Val, len(t.fields))
	}
	b.typ, b.v, b.vars, b.vals = t, val, v, b.vals[:len(t.fields)]
	return b
}

// rootName is the fact itself. It is no identifier of the language: only the
// has() macro writes it.
const rootName = "@fact"

// ResolveName implements interpreter.Activation.
func (v *Vars) ResolveName(name string) (any, bool) {
	if i, ok := v.root.typ.index[name]; ok {
		return v.root.get(i), true
	}
	switch name {
	case packageAlias:
		return v.root.get(v.root.typ.index[packageField]), true
	case "prevalence":
		return v.prev, true
	case windowName:
		return v.window, true
	case rootName:
		return v.root, true
	case traceName:
		return v.trace, true
	}
	return nil, false
}

// Parent implements interpreter.Activation.
func (v *Vars) Parent() interpreter.Activation { return nil }

// block is one object of the fact: its fields by index, converted when first
// read. An absent object is a block without a value; it is shared and never
// written to. block implements ref.Val, so that objects can be list elements.
type block struct {
	typ  *structType
	v    reflect.Value
	vars *Vars
	vals []ref.Val
}

func (b *block) get(i int) ref.Val {
	f := &b.typ.fields[i]
	if b.vars == nil {
		return f.zero
	}
	if val := b.vals[i]; val != nil {
		return val
	}
	val := b.read(f, b.v.Field(f.at))
	b.vals[i] = val
	return val
}

func (b *block) read(f *field, v reflect.Value) ref.Val {
	if f.pointer {
		if v.IsNil() {
			return f.zero
		}
		v = v.Elem()
	}
	switch f.form {
	case formString:
		return types.String(v.String())
	case formInt:
		return types.Int(v.Int())
	case formUint:
		return types.Uint(v.Uint())
	case formDouble:
		return types.Double(v.Float())
	case formBool:
		return types.Bool(v.Bool())
	case formTime:
		return types.Timestamp{Time: v.Interface().(time.Time)}
	case formObject:
		return b.vars.block(f.elem, v)
	case formStrings:
		return types.NewStringList(types.DefaultTypeAdapter, v.Interface().([]string))
	default:
		list := make([]ref.Val, v.Len())
		for i := range list {
			list[i] = b.vars.block(f.elem, v.Index(i))
		}
		return types.NewRefValList(types.DefaultTypeAdapter, list)
	}
}

// has tells a field that is there from one that only has its default.
func (b *block) has(i int) bool {
	if b.vars == nil {
		return false
	}
	f := &b.typ.fields[i]
	if f.required {
		return true
	}
	v := b.v.Field(f.at)
	if f.form == formStrings || f.form == formObjects {
		return v.Len() > 0
	}
	return !v.IsZero()
}

// ConvertToNative implements ref.Val.
func (b *block) ConvertToNative(t reflect.Type) (any, error) {
	return nil, &EvalError{ID: ErrEval, Detail: "an object cannot become a " + t.String()}
}

// ConvertToType implements ref.Val.
func (b *block) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("an object cannot become a %s", t.TypeName())
}

// Equal implements ref.Val.
func (b *block) Equal(other ref.Val) ref.Val {
	o, ok := other.(*block)
	if !ok || o.typ != b.typ || (o.vars == nil) != (b.vars == nil) {
		return types.False
	}
	return types.Bool(b.vars == nil || reflect.DeepEqual(b.v.Interface(), o.v.Interface()))
}

// Type implements ref.Val.
func (b *block) Type() ref.Type { return b.typ.cel }

// Value implements ref.Val.
func (b *block) Value() any { return b }
