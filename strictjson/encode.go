package strictjson

import (
	"encoding"
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Writing follows the tags as encoding/json does, which is held to that in a
// test, without linking it: it would add 170 kB to the sensor.

var textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()

// outField is a member that a struct writes.
type outField struct {
	name      string // quoted, with its colon
	index     int
	omitEmpty bool
	omitZero  bool
	quoted    bool
}

// outPlans remembers how each struct is written: reflect.Type to []outField.
var outPlans sync.Map

func outFields(t reflect.Type) ([]outField, error) {
	if known, ok := outPlans.Load(t); ok {
		return known.([]outField), nil
	}
	var fields []outField
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		switch {
		case !sf.IsExported() || tag == "-":
			continue
		case sf.Anonymous:
			return nil, fmt.Errorf("internal error: no way to encode the embedded %v of %v", sf.Type, t)
		case tag == "":
			tag = sf.Name
		}
		f := outField{index: i}
		for option := range strings.SplitSeq(options, ",") {
			f.omitEmpty = f.omitEmpty || option == "omitempty"
			f.omitZero = f.omitZero || option == "omitzero"
			f.quoted = f.quoted || option == "string"
		}
		f.name = string(appendText(nil, tag)) + ":"
		fields = append(fields, f)
	}
	outPlans.Store(t, fields)
	return fields, nil
}

// appendText writes a string. What is not UTF-8 becomes U+FFFD, as in
// encoding/json; who must keep it has a twin in base64.
func appendText[Text []byte | string](dst []byte, s Text) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// appendValue writes a value, members in the order of the type.
func appendValue(dst []byte, v reflect.Value) ([]byte, error) {
	t := v.Type()
	switch {
	case t == timeType:
		return appendTime(dst, v.Interface().(time.Time))
	case t == valueType:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return append(dst, v.Bytes()...), nil
	case t.Implements(textMarshaler) && (t.Kind() != reflect.Pointer || !v.IsNil()):
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		return appendText(dst, string(text)), err
	}
	switch t.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.String:
		return appendText(dst, v.String()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("%v is no number of JSON", f)
		}
		return jsontext.AppendFloat(dst, f, t.Bits()), nil
	case reflect.Struct:
		return appendStruct(dst, v)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return appendValue(dst, v.Elem())
	case reflect.Slice:
		return appendSlice(dst, v)
	case reflect.Map:
		return appendMap(dst, v)
	}
	return nil, fmt.Errorf("internal error: no way to encode a %v", t)
}

func appendTime(dst []byte, at time.Time) ([]byte, error) {
	text, err := at.MarshalText() // refuses years that RFC 3339 has no form for
	return appendText(dst, string(text)), err
}

func appendStruct(dst []byte, v reflect.Value) (_ []byte, err error) {
	fields, err := outFields(v.Type())
	if err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	first := true
	for i := range fields {
		f := &fields[i]
		value := v.Field(f.index)
		if f.omitEmpty && isEmpty(value) || f.omitZero && isZero(value) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, f.name...)
		if f.quoted {
			dst = append(dst, '"')
		}
		if dst, err = appendValue(dst, value); err != nil {
			return nil, err
		}
		if f.quoted {
			dst = append(dst, '"')
		}
	}
	return append(dst, '}'), nil
}

// isEmpty is the option omitempty: false, 0, nil, and whatever has no length.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// isZero is the option omitzero: the zero value, and the zero time wherever it is.
func isZero(v reflect.Value) bool {
	if v.Type() == timeType {
		return v.Interface().(time.Time).IsZero()
	}
	return v.IsZero()
}

func appendSlice(dst []byte, v reflect.Value) (_ []byte, err error) {
	switch {
	case v.IsNil():
		return append(dst, "null"...), nil
	case v.Type().Elem().Kind() == reflect.Uint8:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"'), nil
	}
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendValue(dst, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendMap(dst []byte, v reflect.Value) (_ []byte, err error) {
	if v.IsNil() {
		return append(dst, "null"...), nil
	}
	if v.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("internal error: no way to encode a %v", v.Type())
	}
	dst = append(dst, '{')
	for entries, first := v.MapRange(), true; entries.Next(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, entries.Key().String()), ':')
		if dst, err = appendValue(dst, entries.Value()); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}
