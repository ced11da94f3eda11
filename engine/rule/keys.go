package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// shape is what a value may be, as a JSON Schema says it.
type shape map[string]any

// key is one key of a mapping: how it is read and, from the same arguments,
// what the JSON Schema says of it. T is what the mapping is read into.
type key[T any] struct {
	name     string
	required bool
	shape    shape
	read     func(w *walker, into *T, e entry)
}

// table is all keys of one kind of mapping.
type table[T any] struct {
	what string // with its article, for messages
	keys []key[T]
}

func (t table[T]) names() []string {
	out := make([]string, len(t.keys))
	for i, k := range t.keys {
		out[i] = k.name
	}
	return out
}

// read fills into and answers which keys were set; false where n is no mapping.
// It goes on after an error, so that an author sees all of them at once.
func (t table[T]) read(w *walker, n *yaml.Node, into *T) (set map[string]*yaml.Node, ok bool) {
	entries, ok := w.mapping(n, t.what, t.names())
	if !ok {
		return nil, false
	}
	set = map[string]*yaml.Node{}
	for _, e := range entries {
		set[e.key.Value] = e.value
		i := slices.IndexFunc(t.keys, func(k key[T]) bool { return k.name == e.key.Value })
		t.keys[i].read(w, into, e)
	}
	for _, k := range t.keys {
		if k.required && set[k.name] == nil {
			w.fail(CodeMissingKey, at(n), fmt.Sprintf("%s has no %s", definite(t.what), k.name), "")
		}
	}
	return set, true
}

// shape is the JSON Schema of the mapping.
func (t table[T]) shape() shape {
	properties, required := map[string]any{}, []string{}
	for _, k := range t.keys {
		properties[k.name] = k.shape
		if k.required {
			required = append(required, k.name)
		}
	}
	out := shape{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// definite is "the rule" for "a rule".
func definite(what string) string {
	if rest, ok := strings.CutPrefix(what, "a "); ok {
		return "the " + rest
	}
	return what
}

// must makes a key one that has to be there.
func must[T any](k key[T]) key[T] {
	k.required = true
	return k
}

// own is a key with a reader of its own.
func own[T any](name string, s shape, read func(w *walker, into *T, e entry)) key[T] {
	return key[T]{name: name, shape: s, read: read}
}

// textKey is a text of at most so many bytes.
func textKey[T any](name string, most int, field func(*T) *string) key[T] {
	return own(name, textShape(most), func(w *walker, into *T, e entry) { *field(into), _ = w.str(e.value, name, most) })
}

// formKey is a text of a form.
func formKey[T any](name string, form *regexp.Regexp, hint string, field func(*T) *string) key[T] {
	s := textShape(maxName)
	s["pattern"] = form.String()
	return own(name, s, func(w *walker, into *T, e entry) { *field(into) = w.formed(e.value, name, form, hint) })
}

// choiceKey is one of some words.
func choiceKey[T any](name string, allowed []string, field func(*T) *string) key[T] {
	return own(name, shape{"enum": allowed}, func(w *walker, into *T, e entry) { *field(into) = w.oneOf(e.value, name, allowed) })
}

// wordsKey is a list of texts for people.
func wordsKey[T any](name string, field func(*T) *[]string) key[T] {
	return own(name, listShape(textShape(maxText), 0, maxWords), func(w *walker, into *T, e entry) { *field(into) = w.words(e.value, name) })
}

// namesKey is a list of names, of which there is a bounded number; nodes keeps
// their places.
func namesKey[T any](name string, low, high int, field func(*T) *[]string, nodes func(*T) *[]*yaml.Node) key[T] {
	return own(name, listShape(textShape(maxName), low, high), func(w *walker, into *T, e entry) {
		*field(into), *nodes(into) = w.names(e.value, name, low, high)
	})
}

func textShape(most int) shape { return shape{"type": "string", "maxLength": most} }

func numberShape(low, high float64) shape {
	return shape{"type": "number", "minimum": low, "maximum": high}
}

func listShape(items shape, low, high int) shape {
	return shape{"type": "array", "items": items, "minItems": low, "maxItems": high}
}

// formed reads a text that must have a form.
func (w *walker) formed(n *yaml.Node, what string, form *regexp.Regexp, hint string) string {
	s, ok := w.str(n, what, maxName)
	if ok && !form.MatchString(s) {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("malformed %s %q", what, s), hint)
		return ""
	}
	return s
}

// names reads a list of low to high different names and where each stands.
func (w *walker) names(n *yaml.Node, what string, low, high int) ([]string, []*yaml.Node) {
	items, ok := w.sequence(n, what)
	if !ok {
		return nil, nil
	}
	if len(items) < low || len(items) > high {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s names %d to %d things", what, low, high), "")
		return nil, nil
	}
	var names []string
	var nodes []*yaml.Node
	for _, item := range items {
		s, ok := w.str(item, "an item of "+what, maxName)
		switch {
		case !ok:
		case slices.Contains(names, s):
			w.fail(CodeDuplicateKey, at(item), fmt.Sprintf("%s names %s twice", what, s), "")
		default:
			names, nodes = append(names, s), append(nodes, item)
		}
	}
	return names, nodes
}
