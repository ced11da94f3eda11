package sigma_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/engine/sigma"
)

// TestSigmaHQ converts SigmaHQ's rules for Linux processes: nine of ten must
// convert, and what they become is kept, so that a change of it is seen.
func TestSigmaHQ(t *testing.T) {
	files := corpus(t)
	refused := ""
	converted := map[string][]byte{}
	for _, o := range sigma.Convert(files, sigma.Options{}) {
		if o.Err != nil {
			refused += fmt.Sprintf("%s: %v\n", o.File, o.Err)
			continue
		}
		converted[o.Name] = o.Rules
	}
	if len(converted)*10 < len(files)*9 {
		t.Errorf("%d of %d files converted", len(converted), len(files))
	}
	converted["refused.txt"] = []byte(refused)
	if *update {
		for name, data := range converted {
			if err := os.WriteFile(filepath.Join("testdata/sigmahq", name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, data := range converted {
		want, err := os.ReadFile(filepath.Join("testdata/sigmahq", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(want, data) {
			t.Errorf("%s became\n%s\nwanted\n%s", name, data, want)
		}
	}
}

// TestGoldenRules loads what SigmaHQ's rules became, as a pack: it is clean, each
// rule keeps what its licence asks for, and each is shown to match, and not to
// match where a part that it requires does not hold.
func TestGoldenRules(t *testing.T) {
	set, findings := rule.LoadFS(os.DirFS("testdata/sigmahq"))
	if set == nil || len(findings) > 0 {
		t.Fatalf("the rules are not clean:\n%s", findings)
	}
	if set.Len() < 67 {
		t.Errorf("only %d rules", set.Len())
	}
	for _, res := range rule.TestWith(set, engine.Player{}) {
		if !res.Passed {
			t.Errorf("%s: %s: %d alerts, wanted %d", res.Rule, res.Name, res.Got, res.Want)
		}
	}
	for _, r := range set.Rules() {
		if r.Author == "" || r.Source == nil || r.Source.Licence != "DRL-1.1" || r.Source.URL == "" || len(r.Related) == 0 || r.Related[0].Type != "derived" {
			t.Errorf("%s lacks author, source or the id of what it was made of", r.ID)
		}
		positive, negative := 0, 0
		for _, c := range r.Tests {
			if c.Alerts > 0 {
				positive++
			} else {
				negative++
			}
		}
		if positive != 1 || negative < 1 {
			t.Errorf("%s has %d tests that match and %d that do not", r.ID, positive, negative)
		}
		if strings.Count(r.Where, "// ") > 0 && negative < 2 {
			t.Errorf("%s requires several parts, and %d of them are shown to be required", r.ID, negative)
		}
	}
}
