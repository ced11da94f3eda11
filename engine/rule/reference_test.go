package rule_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
)

// Every function is said and shown somewhere, and what is shown is so.
func TestEveryFunctionHasADocAndExamples(t *testing.T) {
	blocks, _ := docBlocks(t)
	fact, lists := docFact(t, blocks)
	var names []string
	for _, f := range rule.Functions() {
		names = append(names, f.Name)
		if f.Doc == "" || len(f.Forms) == 0 || len(f.Examples) == 0 {
			t.Errorf("%s lacks a doc, a form or an example", f.Name)
		}
		for _, x := range f.Examples {
			t.Run(x.Expr, func(t *testing.T) { runExample(t, "cel", x.Expr, x.Want, fact, lists) })
		}
	}
	for _, name := range rule.LanguageFunctions() {
		if !slices.Contains(names, name) {
			t.Errorf("the language has %s, the reference does not", name)
		}
	}
	for _, name := range rule.FunctionNames() {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not in the reference", name)
		}
	}
}

const tableHead = "| function | what it gives |\n|---|---|\n"

// ownTable is the table of our functions and the block of their examples as
// docs/rules.md has them.
func ownTable() string {
	var table, examples strings.Builder
	table.WriteString(tableHead)
	for _, f := range rule.OwnFunctions() {
		fmt.Fprintf(&table, "| `%s` | %s |\n", strings.Join(f.Forms, "`, `"), f.Doc)
		for _, x := range f.Examples {
			fmt.Fprintf(&examples, "%-55s // %s\n", x.Expr, x.Want)
		}
	}
	return table.String() + "\n```cel\n" + examples.String() + "```\n"
}

// The page of rules is written from the table of functions; -update writes it.
func TestTheTableOfFunctionsIsInTheDocuments(t *testing.T) {
	const page = "../../docs/rules.md"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), tableHead)
	_, rest, open := strings.Cut(rest, "\n```cel\n")
	old, after, closed := strings.Cut(rest, "```\n")
	if !ok || !open || !closed || strings.Contains(old, "\n#") {
		t.Fatal("docs/rules.md has no table of functions with examples below it")
	}
	want := before + ownTable() + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("docs/rules.md is not what the table of functions says; run the test with -update (-want +got):\n%s", diff)
	}
}
