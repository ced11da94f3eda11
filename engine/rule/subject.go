package rule

import (
	"fmt"
	"reflect"
	"sync"
	"unicode/utf8"
)

// slice is what of a text a test looks at.
type slice int

const (
	wholeText slice = iota
	baseOfText
	dirOfText
)

var sliceNames = [...]string{"", ".base()", ".dir()"}

// Subject is what a test of a Need looks at: a field, the part of the path in a
// field, how large a field is, one item of a list of texts by its place, or each
// item. It reads the fact itself, without making CEL's values of it.
type Subject struct {
	// Name tells subjects apart and reads as a rule does: process.executable,
	// process.executable.base(), size(process.args), process.args[1],
	// process.args[*].
	Name string

	form       form
	slice      slice
	each       bool
	size       bool
	place      int // of the item, from 1 on; 0 where it is of no one item
	prevalence bool
	steps      []step
}

// step leads from a struct to one of its fields.
type step struct {
	at       int
	pointer  bool
	required bool
	list     bool
}

// subjects are the fields that rules look at, shared by all of them: there are
// as many as the schema has fields.
var subjects sync.Map // of *Subject by name

func newSubject(name string, p fieldPath) *Subject {
	if known, ok := subjects.Load(name); ok {
		return known.(*Subject)
	}
	made, _ := subjects.LoadOrStore(name, makeSubject(name, p))
	return made.(*Subject)
}

func makeSubject(name string, p fieldPath) *Subject {
	s := &Subject{Name: name, prevalence: p.prevalence}
	st := factSchema().root
	if p.prevalence {
		st = factSchema().prev
	}
	for _, i := range p.steps {
		f := &st.fields[i]
		s.steps = append(s.steps, step{at: f.at, pointer: f.pointer, required: f.required, list: f.form == formStrings || f.form == formObjects})
		s.form, st = f.form, f.elem
	}
	if s.form == formStrings {
		s.Name, s.each = name+"[*]", true
	}
	return s
}

// IsText reports whether tests compare texts; otherwise they compare numbers.
func (s *Subject) IsText() bool { return s.form == formString || s.each }

// IsList reports whether the subject is each of the texts of a list.
func (s *Subject) IsList() bool { return s.each }

func (s *Subject) of(p slice) *Subject {
	inner := *s
	inner.slice, inner.Name = p, s.Name+sliceNames[p]
	return &inner
}

// sized is the subject's length: of a text in characters, of a list in items.
func (s *Subject) sized(field string) *Subject {
	inner := *s
	inner.Name, inner.form, inner.each, inner.size = "size("+field+")", formInt, false, true
	return &inner
}

// item is one item of the list.
func (s *Subject) item(field string, at int64) *Subject {
	inner := *s
	inner.Name, inner.form, inner.each, inner.place = fmt.Sprintf("%s[%d]", field, at), formString, false, int(at)+1
	return &inner
}

// MayFail reports whether the subject may be missing in a way that makes an error
// of the condition, so that no test can tell.
func (s *Subject) MayFail() bool { return s.place > 0 }

// object is the struct that holds the field; an absent one is reported as such.
func (s *Subject) object(v *Vars) (reflect.Value, bool) {
	b := v.root
	if s.prevalence {
		b = v.prev
	}
	if b.vars == nil {
		return reflect.Value{}, false
	}
	rv := b.v
	for i := range s.steps[:len(s.steps)-1] {
		rv = rv.Field(s.steps[i].at)
		if s.steps[i].pointer {
			if rv.IsNil() {
				return reflect.Value{}, false
			}
			rv = rv.Elem()
		}
	}
	return rv, true
}

func (s *Subject) last() *step { return &s.steps[len(s.steps)-1] }

func (s *Subject) value(v *Vars) (reflect.Value, bool) {
	rv, ok := s.object(v)
	if !ok {
		return rv, false
	}
	rv = rv.Field(s.last().at)
	if s.last().pointer {
		return rv.Elem(), !rv.IsNil()
	}
	return rv, true
}

// Text is the text that the field holds, "" where it is absent.
func (s *Subject) Text(v *Vars) string {
	rv, ok := s.value(v)
	if !ok {
		return ""
	}
	return s.partOf(rv.String())
}

func (s *Subject) partOf(text string) string {
	switch s.slice {
	case baseOfText:
		return base(text)
	case dirOfText:
		return dir(text)
	}
	return text
}

// Texts are the items of a list and are not to be changed; each is looked at
// through Part.
func (s *Subject) Texts(v *Vars) []string {
	rv, ok := s.value(v)
	if !ok {
		return nil
	}
	return *rv.Addr().Interface().(*[]string)
}

// Part is what of one item of Texts the tests look at.
func (s *Subject) Part(item string) string { return s.partOf(item) }

// Number is what the field holds where it is no text, or how large it is: the
// bits of a whole number, 1 for true; 0 where it is absent.
func (s *Subject) Number(v *Vars) uint64 {
	rv, ok := s.value(v)
	if !ok {
		return 0
	}
	switch {
	case s.size && rv.Kind() == reflect.String:
		return uint64(utf8.RuneCountInString(rv.String()))
	case s.size:
		return uint64(rv.Len())
	}
	switch s.form {
	case formInt:
		return uint64(rv.Int())
	case formUint:
		return rv.Uint()
	case formBool:
		if rv.Bool() {
			return 1
		}
	}
	return 0
}

// Has reports whether the field is there, as has() does.
func (s *Subject) Has(v *Vars) bool {
	rv, ok := s.object(v)
	if !ok {
		return false
	}
	last := s.last()
	switch {
	case last.required:
		return true
	case last.list:
		return rv.Field(last.at).Len() > 0
	}
	return !rv.Field(last.at).IsZero()
}
