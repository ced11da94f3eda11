package bench

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"picket.internal/engine/index"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/internal/rulegen"
	"picket.internal/rules"
)

// input is one fact in the forms of all engines.
type input struct {
	fact       *fact.Fact
	prevalence *fact.Prevalence
	doc        document
	value      ast.Value
}

// folder is where the rules come from that are varied: the shipped ones, or
// those of a folder, as of converted ones.
func folder() fs.FS {
	if dir := os.Getenv("PICKET_BENCH_RULES"); dir != "" {
		return os.DirFS(dir)
	}
	return rules.FS()
}

func load(tb testing.TB, n int) []*rule.Rule {
	tb.Helper()
	made, err := rulegen.Vary(folder(), n)
	if err != nil {
		tb.Fatal(err)
	}
	set, findings := rule.LoadFS(made)
	if set == nil {
		tb.Fatal(findings.Err())
	}
	return set.Rules()
}

// facts are ordinary ones, and among them one in two hundred that a rule's own
// tests are made of.
func facts(tb testing.TB, n int) []*input {
	tb.Helper()
	set, findings := rule.LoadFS(folder())
	if set == nil {
		tb.Fatal(findings.Err())
	}
	var hostile, out []*input
	for _, r := range set.Rules() {
		for _, c := range r.Tests {
			for _, f := range c.Facts {
				hostile = append(hostile, &input{fact: f, prevalence: c.Prevalence})
			}
		}
	}
	for i, f := range rulegen.Ordinary(1, n) {
		if i%200 == 0 && len(hostile) > 0 {
			out = append(out, hostile[i/200*7%len(hostile)])
			continue
		}
		out = append(out, &input{fact: f})
	}
	return out
}

func prepare(tb testing.TB, inputs []*input, set []*rule.Rule) {
	tb.Helper()
	fields := tests(set)
	for _, in := range inputs {
		in.doc = documentOf(in.fact, in.prevalence, fields)
		value, err := parsed(in.doc)
		if err != nil {
			tb.Fatal(err)
		}
		in.value = value
	}
}

// engines are the ways to find the rules that a fact matches, each with a
// function that answers with their ids.
func engines(tb testing.TB, set []*rule.Rule, inputs []*input) map[string]func(*input) []string {
	tb.Helper()
	profile := new(index.Profile)
	for _, in := range inputs[:min(1000, len(inputs))] {
		profile.Learn(in.fact, in.prevalence)
	}
	x := index.New(set, profile)
	byKind := map[fact.Kind][]*rule.Rule{}
	for _, r := range set {
		for _, kind := range r.On {
			byKind[kind] = append(byKind[kind], r)
		}
	}
	o, err := newOPA(set)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := newExprs(set, inputs[0].doc)
	if err != nil {
		tb.Fatal(err)
	}
	bare, err := newCELs(set, inputs[0].doc)
	if err != nil {
		tb.Fatal(err)
	}
	v := new(rule.Vars)
	return map[string]func(*input) []string{
		"picket": picket(set, x),
		"cel-go": func(in *input) (ids []string) {
			v.Reset(in.fact, in.prevalence)
			for _, r := range byKind[in.fact.Kind] {
				if matched, _ := r.EvaluateDirect(v); matched {
					ids = append(ids, r.ID)
				}
			}
			return ids
		},
		"bare cel": func(in *input) []string {
			ids, err := bare.match(in.doc)
			if err != nil {
				tb.Fatal(err)
			}
			return ids
		},
		"opa": func(in *input) []string {
			ids, err := o.match(in.value)
			if err != nil {
				tb.Fatal(err)
			}
			return ids
		},
		"expr": func(in *input) []string {
			ids, err := e.match(in.doc)
			if err != nil {
				tb.Fatal(err)
			}
			return ids
		},
	}
}

// picket asks the rules that the index finds.
func picket(set []*rule.Rule, x *index.Index) func(*input) []string {
	v := new(rule.Vars)
	return func(in *input) (ids []string) {
		v.Reset(in.fact, in.prevalence)
		found := x.Candidates(in.fact.Kind, v)
		if found == nil {
			return nil
		}
		defer found.Release()
		for _, i := range found.Rules {
			if matched, _ := set[i].Evaluate(v); matched {
				ids = append(ids, set[i].ID)
			}
		}
		return ids
	}
}

var names = []string{"picket", "cel-go", "bare cel", "opa", "expr"}

// TestAllEnginesAgree is what makes the comparison one: every engine finds the
// same rules for every fact.
func TestAllEnginesAgree(t *testing.T) {
	n, many := 300, 2000
	if testing.Short() {
		n, many = 100, 300
	}
	set := translatable(load(t, n))
	inputs := facts(t, many)
	prepare(t, inputs, set)
	all := engines(t, set, inputs)
	matches := 0
	for _, in := range inputs {
		want := all["cel-go"](in)
		matches += len(want)
		for _, name := range names {
			got := all[name](in)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("cel-go and %s differ on %v\n%s", name, in.doc, diff)
			}
		}
	}
	if matches < many/200 {
		t.Errorf("%d matches prove little", matches)
	}
}

// TestComparison prints what a fact costs each engine in processor time, and how
// many times the index is cheaper; the matches must be the same.
func TestComparison(t *testing.T) {
	measuring(t)
	made := load(t, 3000)
	set := translatable(made)
	inputs := facts(t, 3000)
	prepare(t, inputs, set)
	all := engines(t, set, inputs)
	t.Logf("%d rules that all engines can be told, of %d; %d facts", len(set), len(made), len(inputs))
	cost, found := map[string]float64{}, map[string][]int{}
	for _, name := range names {
		few := inputs
		if name != "picket" {
			few = inputs[:300]
		}
		cost[name], found[name] = measure(all[name], few)
	}
	for _, name := range names {
		if !slices.Equal(found[name][:300], found["cel-go"]) {
			t.Errorf("%s finds other rules than cel-go", name)
		}
		t.Logf("%-8s %12.0f ns a fact, %8.1f times picket's", name, cost[name], cost[name]/cost["picket"])
	}
	if gain := min(cost["cel-go"], cost["bare cel"]) / cost["picket"]; gain < leastGain {
		t.Errorf("the index is %.0f times cheaper than cel-go by itself, less than %d", gain, leastGain)
	}
}

// measure is the processor time that a fact takes, and how many rules each met.
// All is done once before, so that nothing is measured that happens once.
func measure(match func(*input) []string, inputs []*input) (ns float64, found []int) {
	for _, in := range inputs {
		found = append(found, len(match(in)))
	}
	runtime.GC()
	start, n := processTime(), 0
	for rounds := 0; rounds < 3 || processTime()-start < 2*time.Second; rounds++ {
		for _, in := range inputs {
			match(in)
		}
		n += len(inputs)
	}
	return float64(processTime()-start) / float64(n), found
}

// processTime is the processor time that was used so far: on a machine that does
// something else too, only this can be compared.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprint("internal error: ", err))
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
