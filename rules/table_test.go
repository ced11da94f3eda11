package rules_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
)

var update = flag.Bool("update", false, "write the table of the shipped rules anew")

const tablePath = "../docs/shipped-rules.md"

// The table in the documentation is made of the rules, so that neither says
// what the other does not.
func TestTableOfShippedRules(t *testing.T) {
	want := table(load(t))
	if *update {
		if err := os.WriteFile(tablePath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run go test ./rules -run Table -update (-want +got):\n%s", diff)
	}
}

// table lists the rules of a set by family.
func table(set *rule.Set) []byte {
	var b bytes.Buffer
	b.WriteString("<!-- Written by go test ./rules -run Table -update. DO NOT EDIT. -->\n\n# The rules that Picket ships\n\n")
	fmt.Fprintf(&b, "%s\n", counts(set))
	family := ""
	for _, r := range set.Rules() {
		if f, _, _ := strings.Cut(r.ID, "."); f != family {
			family = f
			fmt.Fprintf(&b, "\n## %s\n\n| rule | what it says | severity | ATT&CK |\n|---|---|---|---|\n", family)
		}
		fmt.Fprintf(&b, "| [%s](../rules/%s) | %s | %s | %s |\n", r.ID, r.File, r.Title, loudness(r), strings.Join(techniques(r), ", "))
	}
	return b.Bytes()
}

func counts(set *rule.Set) string {
	alerting, trial, part, stateful := 0, 0, 0, 0
	for _, r := range set.Rules() {
		switch {
		case r.Silent:
			part++
		case r.Status == rule.StatusStable:
			alerting++
		default:
			trial++
		}
		if r.Stateful() {
			stateful++
		}
	}
	return fmt.Sprintf("%d rules: %d alert, %d are on trial (their alerts are recorded, and nobody is told), %d only feed others. %d decide over more than one fact.",
		set.Len(), alerting, trial, part, stateful)
}

// loudness is the severity, with what keeps the rule from alerting.
func loudness(r *rule.Rule) string {
	switch {
	case r.Silent:
		return "feeds others"
	case r.Status != rule.StatusStable:
		return fmt.Sprintf("%s, %s", r.Severity, r.Status)
	}
	return fmt.Sprint(r.Severity)
}

func techniques(r *rule.Rule) []string {
	var out []string
	for _, tag := range r.Tags {
		if technique.MatchString(tag) {
			out = append(out, strings.ToUpper(strings.TrimPrefix(tag, "attack.")))
		}
	}
	return out
}
