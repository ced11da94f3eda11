package rule_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// document is a rule with the condition and whatever else is given, without
// tests.
func document(where string, more ...string) string {
	indented := "  " + strings.ReplaceAll(where, "\n", "\n  ")
	return "id: a.rule\ntitle: a rule\nstatus: test\nseverity: low\n" + strings.Join(append(more, ""), "\n") + "where: |\n" + indented + "\n"
}

const onProcess = "on: [process]"

// load compiles one document that must have no errors.
func load(t testing.TB, doc string) *rule.Rule {
	t.Helper()
	set, findings := rule.Load("test.yaml", []byte(doc))
	if set == nil {
		t.Fatalf("not loaded:\n%s", findings)
	}
	if set.Len() != 1 {
		t.Fatalf("%d rules", set.Len())
	}
	return set.Rules()[0]
}

// condition compiles a condition on process facts.
func condition(t testing.TB, where string) *rule.Rule {
	t.Helper()
	return load(t, document(where, onProcess))
}

// refused returns the errors of a document, which must have some.
func refused(t testing.TB, doc string) rule.Findings {
	t.Helper()
	set, findings := rule.Load("test.yaml", []byte(doc))
	if set != nil || !findings.HasErrors() {
		t.Fatalf("loaded, but should not:\n%s\n%s", doc, findings)
	}
	var out rule.Findings
	for _, f := range findings {
		if f.Level == rule.LevelError {
			out = append(out, f)
		}
	}
	return out
}

func processFact() *fact.Fact {
	code := int64(0)
	return &fact.Fact{
		ID: "01J00000000000000000000001", Kind: fact.KindProcess, Host: fact.Host{ID: "h_1", Name: "web-1"}, Seq: 7,
		Process: &fact.Process{
			Action: "start", PID: 42, StartTicks: 1 << 60, Name: "sh", Executable: "/usr/bin/dash",
			Args: []string{"sh", "-c", "id"}, CommandLine: "sh -c id", ExitCode: &code,
			Parent: &fact.Parent{PID: 1, Name: "nginx", Executable: "/usr/sbin/nginx"},
			Hash:   &fact.Hash{SHA256: strings.Repeat("a", 64)},
		},
		User: &fact.User{ID: "33", Name: "www-data"},
	}
}

// split puts so many documents into a file each.
func split(docs string, each int) fstest.MapFS {
	files := fstest.MapFS{}
	all := strings.SplitAfter(docs, "\n---\n")
	for i := 0; i < len(all); i += each {
		files[fmt.Sprintf("f%d.yaml", i)] = &fstest.MapFile{Data: []byte(strings.Join(all[i:min(i+each, len(all))], ""))}
	}
	return files
}
