package sensor

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"picket.internal/strictjson"
)

// explain turns a refusal of strictjson into one that a person can act on:
// file, line and column, and what may have been meant.
func explain(err error, data []byte, name string) error {
	var refusal *strictjson.Error
	if !errors.As(err, &refusal) || refusal.Offset < 0 {
		return fmt.Errorf("%s: %w", name, err)
	}
	offset, detail := refusal.Offset, refusal.Detail
	switch {
	case errors.Is(err, strictjson.ErrUnknownField):
		offset, detail = tokenStart(data, offset), "there is no such setting"+suggestion(refusal.Path)
	case errors.Is(err, strictjson.ErrType):
		offset = tokenStart(data, offset)
		detail = strings.ReplaceAll(detail, reflect.TypeFor[Duration]().String(), `time span, as in "15s",`)
	}
	line, column := position(data, offset)
	where := ""
	if refusal.Path != "" {
		where = fmt.Sprintf(" at %q", refusal.Path)
	}
	return fmt.Errorf("%s:%d:%d: %s%s: %s", name, line, column, refusal.ID, where, detail)
}

// tokenStart goes from the end of a token, where the parser noticed, to its
// beginning, where a person looks.
func tokenStart(data []byte, end int64) int64 {
	if end <= 0 || end > int64(len(data)) {
		return end
	}
	stop := "\"" // of a string, the other quote
	from := data[:end-1]
	if data[end-1] != '"' {
		stop = " \t\r\n,:[{"
		from = data[:end]
	}
	i := len(from) - 1
	for i >= 0 && strings.IndexByte(stop, from[i]) < 0 {
		i--
	}
	if stop == "\"" {
		return int64(max(i, 0))
	}
	return int64(i + 1)
}

// position is where a byte is, counted from 1.
func position(data []byte, offset int64) (line, column int) {
	before := data[:min(offset, int64(len(data)))]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, 1 + len(before) - (bytes.LastIndexByte(before, '\n') + 1)
}

// suggestion names the setting that is spelled most like the unknown one, or
// all that could stand in its place.
func suggestion(path string) string {
	names := strings.Split(path, ".")
	known := settings(reflect.TypeFor[Config](), names[:len(names)-1])
	if len(known) == 0 {
		return ""
	}
	wrong := strings.ToLower(names[len(names)-1])
	best, least := "", max(2, len(wrong)/3)+1
	for _, k := range known {
		if d := distance(wrong, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; there are " + strings.Join(known, ", ")
}

// settings lists the names that the struct at a path has.
func settings(t reflect.Type, path []string) []string {
	for t.Kind() == reflect.Slice {
		t = t.Elem()
		if len(path) > 0 {
			path = path[1:] // the position in the list
		}
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case len(path) > 0 && name == path[0]:
			return settings(f.Type, path[1:])
		default:
			names = append(names, name)
		}
	}
	if len(path) > 0 {
		return nil
	}
	return names
}

// distance counts the insertions, deletions and replacements from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
