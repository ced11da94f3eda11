package rule

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of the file of a list.
const (
	maxListFile   = 1 << 20
	maxListValues = 100_000
	maxListValue  = 4096 // bytes of a line
)

var valuesShape = listShape(shape{"type": []string{"string", "integer"}}, 1, maxItems)

var listTable = table[List]{"a list", []key[List]{
	must(formKey("list", nameForm, nameHint, func(l *List) *string { return &l.Name })),
	textKey("description", maxText, func(l *List) *string { return &l.Description }),
	own("values", valuesShape, func(w *walker, l *List, e entry) { l.value = w.listValues(e.value, "values") }),
	own("file", textShape(500), func(w *walker, l *List, e entry) { l.value = w.listFile(e.value) }),
}}

// listDocument reads a list that all rules of the set may name.
func (w *walker) listDocument(n *yaml.Node) *List {
	l := &List{File: w.src.name, Line: n.Line, src: w.src}
	set, ok := listTable.read(w, n, l)
	if !ok {
		return nil
	}
	switch values, file := set["values"], set["file"]; {
	case values == nil && file == nil:
		w.fail(CodeMissingKey, at(n), "the list has no values", "write values: [...], or file: NAME.txt")
	case values != nil && file != nil:
		w.fail(CodeBadValue, at(file), "the list has both values and a file", "")
	}
	return l
}

// listsShape is the lists that only one rule reads.
var listsShape = shape{
	"type": "object", "propertyNames": shape{"pattern": nameForm.String()}, "additionalProperties": valuesShape,
}

// localLists reads the lists of one rule.
func (w *walker) localLists(d *document, n *yaml.Node) {
	entries, ok := w.mapping(n, "lists", nil)
	if !ok {
		return
	}
	d.lists, d.listKeys = map[string]*List{}, map[string]*yaml.Node{}
	for _, e := range entries {
		name := w.formed(e.key, "name of a list", nameForm, nameHint)
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

// listFile reads texts from a file, one a line; empty lines and those that
// begin with # are left out.
func (w *walker) listFile(n *yaml.Node) *constList {
	name, data, ok := w.beside(n, CodeListFile, maxListFile)
	if !ok {
		return nil
	}
	src := &source{name: name}
	refuse := func(line int, text, message string) *constList {
		src.lines = append(make([]string, line-1), text)
		w.findings = append(w.findings, src.finding(LevelError, CodeListFile, place{line, 1}, message, ""))
		return nil
	}
	var values []string
	number := 0
	for raw := range bytes.Lines(data) {
		number++
		line := strings.TrimSpace(string(raw))
		switch {
		case line == "" || line[0] == '#':
			continue
		case !utf8.ValidString(line):
			return refuse(number, "", "the line is not UTF-8")
		case strings.ContainsFunc(line, unicode.IsControl):
			return refuse(number, cut(line, 400), "the line holds a control character")
		case len(line) > maxListValue:
			return refuse(number, cut(line, 400), fmt.Sprintf("the line is longer than %d bytes", maxListValue))
		case len(values) == maxListValues:
			return refuse(number, line, fmt.Sprintf("the file has more than %d values", maxListValues))
		}
		values = append(values, line)
	}
	if len(values) == 0 {
		w.fail(CodeListFile, at(n), "the file is empty: nothing is ever in it", "")
		return nil
	}
	return newStringConst(values)
}
