package rules_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/rules"
)

// shipped loads the rules once for all tests; none of them changes the set.
var shipped = sync.OnceValues(func() (*rule.Set, rule.Findings) { return rule.LoadFS(rules.FS()) })

func load(t *testing.T) *rule.Set {
	t.Helper()
	set, findings := shipped()
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
	"fleet.gap", "fleet.fork", "fleet.cloned", "fleet.break_glass", "fleet.duplicate_machine", "fleet.refused", "fleet.key_ends", "fleet.rule_failing",
}

func TestPromisedRulesAreThere(t *testing.T) {
	set := load(t)
	for _, id := range promised {
		if r, ok := set.Rule(id); !ok || r.Status != rule.StatusStable {
			t.Errorf("%s is not there, or not stable", id)
		}
	}
}

// Families that are about Picket itself, or add up what others found.
var ownFamilies = []string{"fleet", "integrity", "risk", "sensor"}

var technique = regexp.MustCompile(`^attack\.t\d{4}(\.\d{3})?$`)

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
		if !r.Silent && !strings.Contains(r.Description, "What to do:") {
			t.Errorf("%s does not say what to do", r.ID)
		}
		if !slices.Contains(ownFamilies, family) && !slices.ContainsFunc(r.Tags, technique.MatchString) {
			t.Errorf("%s names no technique of ATT&CK", r.ID)
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

// Techniques that matter on a server and leave traces which a sensor without a
// module in the kernel can see.
var expectedTechniques = []string{
	"t1053.003", "t1059.004", "t1070.003", "t1098.004", "t1105", "t1136.001", "t1222.002", "t1543.002",
	"t1546.004", "t1548.001", "t1552.004", "t1574.006", "t1685", "t1685.006", "t1686",
}

func TestExpectedTechniquesHaveARuleThatAlerts(t *testing.T) {
	covered := map[string]bool{}
	for _, r := range load(t).Rules() {
		if r.Status != rule.StatusStable || r.Silent {
			continue
		}
		for _, tag := range r.Tags {
			covered[strings.TrimPrefix(tag, "attack.")] = true
		}
	}
	for _, id := range expectedTechniques {
		if !covered[id] {
			t.Errorf("no rule that alerts is about %s", id)
		}
	}
}

// Rules that exist for others to count must not alert by themselves: they match
// all day.
func TestPartsOfChainsStaySilent(t *testing.T) {
	for _, r := range load(t).Rules() {
		if strings.HasPrefix(r.ID, "chain.") && !r.Stateful() && !r.Silent {
			t.Errorf("%s alerts by itself", r.ID)
		}
	}
}

// A rule that only feeds others silently may be a mistake: nobody hears of it.
func TestOnlyPartsOfChainsAreSilent(t *testing.T) {
	for _, r := range load(t).Rules() {
		if r.Silent && !strings.HasPrefix(r.ID, "chain.") {
			t.Errorf("%s raises no alert of its own", r.ID)
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
	for _, res := range rule.TestWith(load(t), engine.Player{}) {
		t.Run(res.Rule+"/"+res.Name, func(t *testing.T) {
			t.Log(res.Detail)
			if !res.Passed {
				t.Errorf("%s:%d: %d alerts, wanted %d: %s", res.File, res.Line, res.Got, res.Want, res.Detail)
			}
		})
	}
}
