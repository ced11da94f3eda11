package rules_test

import (
	"slices"
	"strings"
	"testing"

	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/rules"
)

func load(t *testing.T) *rule.Set {
	t.Helper()
	set, findings := rule.LoadFS(rules.FS())
	if len(findings) > 0 {
		t.Fatalf("the shipped rules have findings:\n%s", findings)
	}
	return set
}

func TestShippedRulesHaveNoFindings(t *testing.T) {
	if n := load(t).Len(); n < 120 {
		t.Errorf("%d rules, wanted 120 or more", n)
	}
}

// Other parts of Picket and people's own notes name these.
var promised = []string{
	"canary.open", "canary.read", "canary.modify", "canary.attrib", "canary.delete", "canary.move",
	"process.deleted", "process.memfd", "process.shm", "process.tmp", "process.server_shell", "process.service_hash_changed", "process.new_root_binary",
	"integrity.sensor", "integrity.own_file", "integrity.config", "sensor.silent", "sensor.loss", "sensor.unwatched_canary",
	"file.ld_preload", "file.setuid", "file.sshd_config", "file.pam",
	"fleet.gap", "fleet.fork", "fleet.cloned", "fleet.duplicate_machine", "fleet.refused", "fleet.rule_failing",
}

func TestPromisedRulesAreThere(t *testing.T) {
	set := load(t)
	for _, id := range promised {
		if r, ok := set.Rule(id); !ok || r.Status != rule.StatusStable {
			t.Errorf("%s is not there, or not stable", id)
		}
	}
}

// Each rule says what a person who gets its alert wants to know, and lies where
// its id says.
func TestShippedRulesAreComplete(t *testing.T) {
	for _, r := range load(t).Rules() {
		family, name, _ := strings.Cut(r.ID, ".")
		if want := family + "/" + name + ".yaml"; r.File != want {
			t.Errorf("%s lies in %s", r.ID, r.File)
		}
		if r.Description == "" || r.Author == "" || len(r.FalsePositives) == 0 || !strings.Contains(r.Message, "{{") {
			t.Errorf("%s lacks a description, an author, false positives or a message of its own", r.ID)
		}
		fires, silent := 0, 0
		for _, test := range r.Tests {
			if test.Alerts > 0 {
				fires++
			} else {
				silent++
			}
		}
		if fires == 0 || silent == 0 {
			t.Errorf("%s: %d tests that fire, %d that stay silent", r.ID, fires, silent)
		}
	}
}

// A process that ends is no news to rules about what runs: its fact repeats the
// executable of the one that started it.
func TestRulesAboutProcessesStaySilentAtTheirEnd(t *testing.T) {
	for _, r := range load(t).Rules() {
		if !slices.Contains(r.On, fact.KindProcess) {
			continue
		}
		for _, test := range r.Tests {
			for _, f := range test.Facts {
				if f.Kind != fact.KindProcess {
					continue
				}
				end := *f
				process := *f.Process
				process.Action = fact.ProcessExit
				end.Process = &process
				if matched, err := r.Evaluate(rule.NewVars(&end, test.Prevalence)); matched || err != nil {
					t.Errorf("%s on the end of %q: %v, %v", r.ID, test.Name, matched, err)
				}
			}
		}
	}
}

func TestShippedRulesPassTheirTests(t *testing.T) {
	for _, res := range rule.Test(load(t)) {
		t.Run(res.Rule+"/"+res.Name, func(t *testing.T) {
			t.Log(res.Detail)
			if !res.Passed {
				t.Errorf("%s:%d: %d alerts, wanted %d: %s", res.File, res.Line, res.Got, res.Want, res.Detail)
			}
		})
	}
}
