package rule_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"picket.internal/engine"
	"picket.internal/engine/rule"
)

// block is one fenced block of docs/rules.md.
type docBlock struct {
	lang, text string
	line       int
}

func docBlocks(t *testing.T) (blocks []docBlock, all string) {
	t.Helper()
	data, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	var open *docBlock
	for i, line := range strings.Split(string(data), "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &docBlock{lang: lang, line: i + 1}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return blocks, string(data)
}

// docFact is the fact that the examples are about, and docLists the lists.
func docFact(t *testing.T, blocks []docBlock) (fact, lists string) {
	t.Helper()
	for _, b := range blocks {
		switch {
		case strings.HasPrefix(b.text, "kind:"):
			fact = b.text
		case b.lang == "yaml" && !strings.Contains(b.text, "\nfile:") && (strings.HasPrefix(b.text, "list:") || strings.HasPrefix(b.text, "macro:")):
			lists += "---\n" + b.text
		}
	}
	if fact == "" || lists == "" {
		t.Fatal("docs/rules.md lacks its fact or its list")
	}
	return fact, lists
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ")
}

func docRule(fact, lists, where, message string) string {
	const form = "id: a.rule\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: |\n%s\nmessage: |-\n%s\ntests:\n- name: t\n  alerts: 1\n  facts:\n  -\n%s\n%s"
	return fmt.Sprintf(form, indent(where), indent(message), indent(indent(fact)), lists)
}

var example = regexp.MustCompile(`^(.*\S)\s+// (.+)$`)

func TestExamplesOfTheDocuments(t *testing.T) {
	blocks, _ := docBlocks(t)
	fact, lists := docFact(t, blocks)
	run := 0
	for _, b := range blocks {
		for i, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			if b.lang == "yaml" || strings.HasPrefix(b.lang, "file ") {
				break
			}
			m := example.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("line %d is no example: %q", b.line+1+i, line)
				continue
			}
			run++
			t.Run(m[1], func(t *testing.T) { runExample(t, b.lang, m[1], m[2], fact, lists) })
		}
	}
	if run < 80 {
		t.Errorf("only %d examples", run)
	}
}

func runExample(t *testing.T, lang, text, want, fact, lists string) {
	if lang == "cel-error" {
		doc := docRule(fact, lists, text, "m")
		if !strings.Contains(text, "lists.") && !strings.Contains(text, "macros.") {
			doc = docRule(fact, "", text, "m")
		}
		if f := refused(t, doc)[0]; f.Code != want {
			t.Errorf("%s, wanted %s", f, want)
		}
		return
	}
	where, message := text, "m"
	if lang == "message" {
		where, message = "has(process)", text
	}
	set, findings := rule.Load("docs.yaml", []byte(docRule(fact, lists, where, message)))
	if set == nil {
		t.Fatal(findings)
	}
	r := set.Rules()[0]
	v := rule.NewVars(r.Tests[0].Facts[0], nil)
	got, err := r.Evaluate(v)
	switch {
	case lang == "message":
		if said, err := r.RenderMessage(v); said != want || err != nil {
			t.Errorf("%q, %v", said, err)
		}
	case want == "error":
		if err == nil {
			t.Errorf("%v, wanted an error", got)
		}
	case err != nil || fmt.Sprint(got) != want:
		t.Errorf("%v, %v; wanted %s", got, err, want)
	}
}

// All documents of the page are one pack, in which nothing is wrong.
func TestDocumentsOfThePage(t *testing.T) {
	blocks, _ := docBlocks(t)
	fsys := fstest.MapFS{}
	for _, b := range blocks {
		name, isFile := strings.CutPrefix(b.lang, "file ")
		switch {
		case isFile:
			fsys[name] = file(b.text)
		case b.lang == "yaml" && !strings.HasPrefix(b.text, "kind:"):
			fsys[fmt.Sprintf("line%d.yaml", b.line)] = file(b.text)
		}
	}
	set, findings := rule.LoadFS(fsys)
	if set == nil || len(findings) > 0 {
		t.Fatal(findings)
	}
	if len(set.Packs()) != 1 || len(set.Filters()) != 1 || len(set.Macros()) != 2 || len(set.Lists()) != 2 || set.Len() < 9 {
		t.Errorf("%d packs, %d filters, %d macros, %d lists, %d rules", len(set.Packs()), len(set.Filters()), len(set.Macros()), len(set.Lists()), set.Len())
	}
	results := rule.TestWith(set, engine.Player{})
	for _, res := range results {
		if !res.Passed {
			t.Errorf("%+v", res)
		}
	}
	if len(results) < 9 {
		t.Errorf("%d tests", len(results))
	}
}

func TestEveryKeyFunctionAndCodeIsDocumented(t *testing.T) {
	_, text := docBlocks(t)
	for _, key := range rule.RuleKeys() {
		if !strings.Contains(text, "| `"+key+"` |") {
			t.Errorf("the key %s is not documented", key)
		}
	}
	for _, name := range rule.FunctionNames() {
		if !strings.Contains(text, "."+name+"(") {
			t.Errorf("the function %s is not documented", name)
		}
	}
	for _, code := range codes(t) {
		if !strings.Contains(text, "`"+code+"`") {
			t.Errorf("the code %s is not documented", code)
		}
		if rule.CodeDoc(code) == code {
			t.Errorf("codes.go does not say what the code %s means", code)
		}
	}
}
