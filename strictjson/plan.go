package strictjson

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// decodeFunc reads the next value into v.
type decodeFunc func(r *reader, v reflect.Value) error

// plans remembers how each type is read: reflect.Type to *plan.
var plans sync.Map

type plan struct {
	once   sync.Once
	decode decodeFunc
	err    error
}

var (
	timeType  = reflect.TypeFor[time.Time]()
	valueType = reflect.TypeFor[jsontext.Value]()
	textType  = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// planFor returns the decoder of t, built the first time.
func planFor(t reflect.Type) (decodeFunc, error) {
	entry, _ := plans.LoadOrStore(t, new(plan))
	p := entry.(*plan)
	p.once.Do(func() { p.decode, p.err = build(t) })
	return p.decode, p.err
}

// build chooses the decoder of t. A type may not contain itself.
func build(t reflect.Type) (decodeFunc, error) {
	switch {
	case t == timeType:
		return decodeTime, nil
	case t == valueType:
		return decodeRaw, nil
	case reflect.PointerTo(t).Implements(textType):
		return decodeText, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return decodeBool, nil
	case reflect.String:
		return decodeString, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return decodeInt, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeUint, nil
	case reflect.Float32, reflect.Float64:
		return decodeFloat, nil
	case reflect.Struct:
		return buildStruct(t)
	case reflect.Pointer:
		return buildPointer(t)
	case reflect.Slice:
		return buildSlice(t)
	case reflect.Map:
		return buildMap(t)
	}
	return nil, fmt.Errorf("internal error: no way to decode a %v", t)
}

func buildPointer(t reflect.Type) (decodeFunc, error) {
	element, err := planFor(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(r *reader, v reflect.Value) error {
		v.Set(reflect.New(t.Elem()))
		return element(r, v.Elem())
	}, nil
}

func buildSlice(t reflect.Type) (decodeFunc, error) {
	if t.Elem().Kind() == reflect.Uint8 {
		return decodeBytes, nil
	}
	element, err := planFor(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(r *reader, v reflect.Value) error {
		if err := r.expect('[', t); err != nil {
			return err
		}
		v.Set(reflect.MakeSlice(t, 0, 0))
		n := 0
		return r.array(func() error {
			if n == v.Cap() {
				v.Grow(max(1, min(n, 1024)))
			}
			v.SetLen(n + 1)
			n++
			return element(r, v.Index(n-1))
		})
	}, nil
}

func buildMap(t reflect.Type) (decodeFunc, error) {
	if t.Key().Kind() != reflect.String {
		return nil, fmt.Errorf("internal error: no way to decode a %v", t)
	}
	element, err := planFor(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(r *reader, v reflect.Value) error {
		if err := r.expect('{', t); err != nil {
			return err
		}
		v.Set(reflect.MakeMap(t))
		return r.object(func(name jsontext.Value) error {
			key := reflect.New(t.Key()).Elem()
			key.SetString(string(text(name)))
			value := reflect.New(t.Elem()).Elem()
			if err := element(r, value); err != nil {
				return err
			}
			v.SetMapIndex(key, value)
			return nil
		})
	}, nil
}

// field is a member that a struct expects.
type field struct {
	name     string
	index    int
	required bool
	decode   decodeFunc
}

// structPlan is how a struct is read.
type structPlan struct {
	typ    reflect.Type
	fields []field
	byName map[string]int // position in fields
}

func buildStruct(t reflect.Type) (decodeFunc, error) {
	p := &structPlan{typ: t, byName: make(map[string]int)}
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if !sf.IsExported() || tag == "-" {
			continue
		}
		if sf.Anonymous {
			return nil, fmt.Errorf("internal error: no way to decode the embedded %v of %v", sf.Type, t)
		}
		f := field{name: tag, index: i, required: true}
		if f.name == "" {
			f.name = sf.Name
		}
		asString := false
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "omitempty", "omitzero":
				f.required = false
			case "string":
				asString = true
			}
		}
		var err error
		if f.decode, err = buildField(sf.Type, asString); err != nil {
			return nil, err
		}
		p.byName[f.name] = len(p.fields)
		p.fields = append(p.fields, f)
	}
	if len(p.fields) > 64 {
		return nil, fmt.Errorf("internal error: %v has more than 64 fields", t)
	}
	return p.decode, nil
}

// buildField honours the option string, which makes an integer travel in quotes.
func buildField(t reflect.Type, asString bool) (decodeFunc, error) {
	if !asString {
		return planFor(t)
	}
	switch t.Kind() {
	case reflect.Int64, reflect.Int:
		return decodeQuotedInt, nil
	case reflect.Uint64, reflect.Uint:
		return decodeQuotedUint, nil
	}
	return nil, fmt.Errorf("internal error: the option string on a %v", t)
}

// decode reads the object that is next into v.
func (p *structPlan) decode(r *reader, v reflect.Value) error {
	if err := r.expect('{', p.typ); err != nil {
		return err
	}
	var seen uint64
	err := r.object(func(name jsontext.Value) error {
		i, known := p.byName[string(text(name))]
		if !known {
			return r.extra()
		}
		seen |= 1 << i
		return p.fields[i].decode(r, v.Field(p.fields[i].index))
	})
	if err != nil {
		return err
	}
	for i := range p.fields {
		if p.fields[i].required && seen&(1<<i) == 0 {
			return r.fail(ErrMissingField, "no member %q", p.fields[i].name)
		}
	}
	return nil
}

// extra deals with a member that the type does not have.
func (r *reader) extra() error {
	if r.unknown == nil {
		return r.fail(ErrUnknownField, "no such member is expected")
	}
	r.unknown(dotted(r.dec.StackPointer()))
	return r.skip()
}
