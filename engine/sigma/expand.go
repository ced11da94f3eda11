package sigma

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of what one value becomes through placeholders.
const (
	maxExpansion    = 1000 // values
	maxPlaceholders = 10   // in one value
)

// ParsePlaceholders reads what placeholders stand for: a YAML mapping of names
// to a text or a list of texts, which may hold wildcards.
func ParsePlaceholders(data []byte) (map[string][]string, error) {
	docs, err := documents(data)
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return nil, errors.New("placeholders are one document")
	}
	entries, err := mapping(docs[0], "placeholders")
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, e := range entries {
		list, err := texts(e.value, "a placeholder")
		if err != nil {
			return nil, err
		}
		if len(list) == 0 || e.value.ShortTag() == "!!null" {
			return nil, at(e.key, "the placeholder %q stands for nothing", e.key.Value)
		}
		out[e.key.Value] = list
	}
	return out, nil
}

// expand puts in what placeholders stand for; a value with one of many
// meanings becomes so many values.
func (it *item) expand() error {
	var out []*value
	for _, v := range it.values {
		if v.tag != "!!str" || v.read != nil || v.bytes != nil {
			return errors.New("it goes with texts, before they are changed")
		}
		texts, err := it.detector.fill(v.text)
		if err != nil {
			return err
		}
		for _, text := range texts {
			filled := *v
			filled.text = text
			out = append(out, &filled)
		}
	}
	if len(out) > maxExpansion {
		return fmt.Errorf("the placeholders stand for more than %d values", maxExpansion)
	}
	if it.every && len(out) > len(it.values) {
		return errors.New("all would ask for each meaning of a placeholder at once")
	}
	it.values = out
	return nil
}

// fill expands the placeholders of one text.
func (d *detector) fill(text string) ([]string, error) {
	out := []string{""}
	for count := 0; ; count++ {
		before, name, rest := nextPlaceholder(text)
		if name == "" {
			return times(out, []string{before}), nil
		}
		meaning, known := d.placeholders[name]
		switch {
		case !known:
			return nil, d.unknownPlaceholder(name)
		case count == maxPlaceholders:
			return nil, fmt.Errorf("more than %d placeholders in one value", maxPlaceholders)
		case len(out)*len(meaning) > maxExpansion:
			return nil, fmt.Errorf("the placeholders stand for more than %d values", maxExpansion)
		}
		out = times(times(out, []string{before}), meaning)
		text = rest
	}
}

// times is every text of a with every text of b behind it.
func times(a, b []string) []string {
	var out []string
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

// nextPlaceholder splits a text at its first placeholder. What is before it has
// its escaped percent signs in plain.
func nextPlaceholder(text string) (before, name, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && strings.HasPrefix(text[i+1:], "%"):
			i++
			b.WriteByte('%')
		case text[i] == '\\' && i+1 < len(text):
			b.WriteString(text[i : i+2])
			i++
		case text[i] == '%':
			if name, rest, ok := placeholder(text[i:]); ok {
				return b.String(), name, rest
			}
			b.WriteByte('%')
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), "", ""
}

// placeholder reads %name% at the beginning of a text.
func placeholder(text string) (name, rest string, ok bool) {
	name, rest, ok = strings.Cut(text[1:], "%")
	if !ok || name == "" || strings.ContainsAny(name, " \t\\*?/") {
		return "", "", false
	}
	return name, rest, true
}

func (d *detector) unknownPlaceholder(name string) error {
	if len(d.placeholders) == 0 {
		return fmt.Errorf("nobody says what the placeholder %%%s%% stands for; give a file with its values", name)
	}
	names := slices.Sorted(maps.Keys(d.placeholders))
	return fmt.Errorf("the placeholder %%%s%% is not among those given, which are %s", name, strings.Join(names[:min(len(names), 20)], ", "))
}
