package rule

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

var listKeys = []string{"list", "values", "description"}

// listDocument reads a list that all rules of the pack may name.
func (w *walker) listDocument(n *yaml.Node) *List {
	entries, ok := w.mapping(n, "a list", listKeys)
	if !ok {
		return nil
	}
	l := &List{File: w.src.name, Line: n.Line, src: w.src}
	hasValues := false
	for _, e := range entries {
		switch e.key.Value {
		case "list":
			l.Name = w.listName(e.value)
		case "values":
			hasValues = true
			l.value = w.listValues(e.value, "values")
		case "description":
			w.str(e.value, "description", maxText)
		}
	}
	if !hasValues {
		w.fail(CodeMissingKey, at(n), "the list has no values", "")
	}
	return l
}

func (w *walker) listName(n *yaml.Node) string {
	s, ok := w.str(n, "the name of a list", maxName)
	if ok && !nameForm.MatchString(s) {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("malformed name of a list %q", s), "write it in lower case with underscores, as in backup_tools")
		return ""
	}
	return s
}

// localLists reads the lists of one rule.
func (w *walker) localLists(d *document, n *yaml.Node) {
	entries, ok := w.mapping(n, "lists", nil)
	if !ok {
		return
	}
	d.lists, d.listKeys = map[string]*List{}, map[string]*yaml.Node{}
	for _, e := range entries {
		name := w.listName(e.key)
		value := w.listValues(e.value, "the list "+e.key.Value)
		if name != "" && value != nil {
			d.lists[name] = &List{Name: name, File: w.src.name, Line: e.key.Line, value: value}
			d.listKeys[name] = e.key
		}
	}
}

// listValues reads a list whose values are all texts or all whole numbers.
func (w *walker) listValues(n *yaml.Node, what string) *constList {
	items, ok := w.sequence(n, what)
	if !ok {
		return nil
	}
	if len(items) == 0 {
		w.fail(CodeBadValue, at(n), what+" is empty: nothing is ever in it", "")
		return nil
	}
	if items[0].ShortTag() != "!!int" {
		values := w.strings(n, what, maxText)
		if len(values) != len(items) {
			return nil
		}
		return newStringConst(values)
	}
	var values []int64
	for _, item := range items {
		v, err := strconv.ParseInt(item.Value, 10, 64)
		if item.Kind != yaml.ScalarNode || item.ShortTag() != "!!int" || err != nil {
			w.fail(CodeBadValue, at(item), fmt.Sprintf("%s holds whole numbers and %s", what, kindOf(item)), "make all values of one type")
			return nil
		}
		values = append(values, v)
	}
	return newIntConst(values)
}
