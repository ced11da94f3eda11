package sigma_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/sigma"
)

// TestDocs keeps the tables of docs/sigma.md in step with the code.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../docs/sigma.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	_, table, _ := strings.Cut(page, "\n## Modifiers\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9]+)` \\| (.+) \\|$").FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	if diff := cmp.Diff(sigma.Modifiers(), documented); diff != "" {
		t.Errorf("modifiers: -code +docs\n%s", diff)
	}

	_, fields, _ := strings.Cut(page, "| field | of a fact |\n|---|---|\n")
	fields, _, _ = strings.Cut(fields, "\n\n")
	var rows []string
	for _, row := range strings.Split(fields, "\n") {
		names, meaning, _ := strings.Cut(strings.Trim(row, "|"), "|")
		path := regexp.MustCompile("`([a-z0-9_.]+)`").FindStringSubmatch(meaning)
		for _, name := range regexp.MustCompile("`([A-Za-z0-9]+)`").FindAllStringSubmatch(names, -1) {
			rows = append(rows, name[1]+" "+path[1])
		}
	}
	slices.Sort(rows)
	if diff := cmp.Diff(sigma.Fields(), rows); diff != "" {
		t.Errorf("fields: -code +docs\n%s", diff)
	}
}
