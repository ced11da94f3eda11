package index_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket.internal/engine/index"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// rulesOf loads rules r0, r1, … about process facts, one a condition.
func rulesOf(t testing.TB, conditions ...string) []*rule.Rule {
	t.Helper()
	var b strings.Builder
	for i, where := range conditions {
		fmt.Fprintf(&b, "---\nid: r.r%03d\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: >-\n  %s\n", i, where)
	}
	set, findings := rule.Load("test.yaml", []byte(b.String()))
	if set == nil {
		t.Fatal(findings)
	}
	return set.Rules()
}

func shown(x *index.Index, p *fact.Process) []int32 {
	found := x.Candidates(fact.KindProcess, rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: p}, nil))
	defer found.Release()
	return slices.Clone(found.Rules)
}

func TestRulesAreShownWhatTheyNeed(t *testing.T) {
	x := index.New(rulesOf(t,
		`process.name == "nginx"`,
		`process.executable.startsWith("/tmp/")`,
		`process.executable.endsWithFold(".SH")`,
		`process.command_line.contains("ab")`,
		`process.command_line.containsFold("AB")`,
		`process.name in ["nginx", "httpd"] && process.pid > 5`,
		`process.pid == 7`,
		`process.pid > 7`, // nothing to look up
		`has(process.hash)`,
		`"-e" in process.args`,
		`process.executable.base() == "sh" || process.deleted`,
		`process.command_line.matches("curl .*[|] ?(ba)?sh")`,
		`process.name == ""`,
	), nil)
	for _, tt := range []struct {
		name string
		p    fact.Process
		want []int32
	}{
		{"nothing special", fact.Process{Name: "cat", PID: 1}, []int32{7}},
		{"a name", fact.Process{Name: "nginx", PID: 1}, []int32{0, 5, 7}},
		{"beginning and end", fact.Process{Name: "x", PID: 1, Executable: "/tmp/x.Sh"}, []int32{1, 2, 7}},
		{"case", fact.Process{Name: "x", PID: 1, CommandLine: "xaBx"}, []int32{4, 7}},
		{"both cases", fact.Process{Name: "x", PID: 1, CommandLine: "xaBabx"}, []int32{3, 4, 7}},
		{"number", fact.Process{Name: "x", PID: 7}, []int32{6, 7}},
		{"present", fact.Process{Name: "x", PID: 1, Hash: &fact.Hash{}}, []int32{7, 8}},
		{"item", fact.Process{Name: "x", PID: 1, Args: []string{"a", "-e", "-e"}}, []int32{7, 9}},
		{"either", fact.Process{Name: "x", PID: 1, Executable: "/bin/sh", Deleted: true}, []int32{7, 10}},
		{"pattern", fact.Process{Name: "x", PID: 1, CommandLine: "curl x |sh"}, []int32{7, 11}},
		{"absent", fact.Process{PID: 1}, []int32{7, 12}},
	} {
		if diff := cmp.Diff(tt.want, shown(x, &tt.p)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	if found := x.Candidates(fact.KindCanary, rule.NewVars(&fact.Fact{Kind: fact.KindCanary}, nil)); found != nil {
		t.Errorf("a kind that no rule is about: %v", found.Rules)
	}
}

// A pattern is an error on a text that is too long for it: the rule must see it.
func TestTextTooLongForAPatternIsShown(t *testing.T) {
	x := index.New(rulesOf(t, `process.command_line.matches("(a|aa|aaa){1,90}zz$")`), nil)
	for text, want := range map[string]int{strings.Repeat("a", 100): 0, strings.Repeat("a", 100) + "zz": 1, strings.Repeat("a", 1<<20): 1} {
		if got := shown(x, &fact.Process{CommandLine: text}); len(got) != want {
			t.Errorf("%d bytes: %v", len(text), got)
		}
	}
}

// What facts look like decides what is looked up.
func TestProfileDecidesWhatIsLookedUp(t *testing.T) {
	rules := rulesOf(t, `process.name == "node" && process.working_directory == "/srv/application"`)
	first := func(p *index.Profile) string { return index.New(rules, p).Report()[0].Kinds[0].Tests[0] }
	if got := first(nil); !strings.HasPrefix(got, "process.working_directory equals") {
		t.Errorf("without a profile: %s", got)
	}
	profile := new(index.Profile)
	for i := range 500 {
		profile.Learn(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{Name: fmt.Sprint("p", i), WorkingDirectory: "/srv/application"}}, nil)
	}
	if got := first(profile); !strings.HasPrefix(got, "process.name equals") {
		t.Errorf("where all facts have one directory: %s", got)
	}
	if got := profile.Seen(); got[fact.KindProcess] != 500 {
		t.Errorf("%v", got)
	}
}

// What hosts send must not fill the memory of a profile.
func TestProfileIsBounded(t *testing.T) {
	profile := new(index.Profile)
	profile.Learn(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{CommandLine: strings.Repeat("x", 1<<20)}}, nil)
	profile.Learn(nil, nil)
	for i := range 1000 {
		profile.Learn(&fact.Fact{Kind: fact.Kind(fmt.Sprint("kind", i))}, nil)
	}
	seen := profile.Seen()
	if seen[fact.KindProcess] != 0 || len(seen) > 2*len(fact.Kinds()) {
		t.Errorf("%d kinds, %d processes", len(seen), seen[fact.KindProcess])
	}
}

func TestReport(t *testing.T) {
	got := index.New(rulesOf(t,
		`process.name == "nginx" && process.pid > 5`,
		`process.pid > 5 && process.name != "x"`,
		`process.name == "x" || process.pid > 5`,
		`process.executable.matches("[a-z]+") && process.name.contains("")`,
		`process.executable.base() == "sh" && process.parent.name in ["nginx", "httpd", "a", "b"]`,
		`!(process.args.exists(a, a == "x"))`,
	), nil).Report()
	kind := func(k index.KindReport) []index.KindReport { k.Kind = fact.KindProcess; return []index.KindReport{k} }
	want := []index.Report{
		{Rule: "r.r000", Indexed: true, Kinds: kind(index.KindReport{Tests: []string{`process.name equals "nginx"`}, Fields: []string{"process.name"}})},
		{Rule: "r.r001", Kinds: kind(index.KindReport{Reason: `process.pid is at least 6: only single numbers can be looked up`})},
		{Rule: "r.r002", Kinds: kind(index.KindReport{Reason: `process.pid is at least 6: only single numbers can be looked up`})},
		{Rule: "r.r003", Kinds: kind(index.KindReport{Reason: `process.executable matches "[a-z]+", which requires no text`})},
		{Rule: "r.r004", Indexed: true, Kinds: kind(index.KindReport{
			Tests:  []string{`process.executable.base() equals "sh" and one of: process.parent.name equals "nginx" or "httpd" or "a" or 1 more`},
			Fields: []string{"process.parent.name", "process.executable.base()"},
		})},
		{Rule: "r.r005", Kinds: kind(index.KindReport{Reason: `process.args.exists(a, a == "x") is for all items of a list to decide, and they cannot be looked up`})},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(index.KindReport{}, "Share")); diff != "" {
		t.Error(diff)
	}
	for _, r := range got {
		if share := r.Kinds[0].Share; share <= 0 || share > 1 || (share == 1) == r.Indexed {
			t.Errorf("%s: share %v", r.Rule, share)
		}
	}
}

// A fact costs no memory by itself, found rules or not.
func TestLookingUpTakesNoMemory(t *testing.T) {
	x := index.New(rulesOf(t, `process.name == "nginx"`, `process.executable.endsWithFold(".sh")`, `process.command_line.contains("curl")`, `"-e" in process.args`, `process.name.equalsFold("A")`), nil)
	v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{Name: "nginx", Executable: "/x.SH", CommandLine: "curl x", Args: []string{"-e"}}}, nil)
	n := testing.AllocsPerRun(1000, func() { x.Candidates(fact.KindProcess, v).Release() })
	if n > mostAllocations+0.1 { // the pool may be emptied by the garbage collector
		t.Errorf("%v allocations a fact", n)
	}
}
