package engine_test

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/internal/sample"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/rules"
)

// withSamples is the shipped rules and n made-up ones.
func withSamples(tb testing.TB, n int) *rule.Set {
	tb.Helper()
	src := sample.New(1)
	src.Wide = true
	all := fstest.MapFS{"sample.yaml": &fstest.MapFile{Data: src.Rules(n)}}
	err := fs.WalkDir(rules.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(rules.FS(), name)
		all[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	set, findings := rule.LoadFS(all)
	if set == nil {
		tb.Fatal(findings.Err())
	}
	return set
}

// BenchmarkLinear measures the linear engine in nanoseconds a rule and fact, on
// facts of all kinds (a rule that is not shown a kind costs nothing) and on
// process facts, which most rules are about.
func BenchmarkLinear(b *testing.B) {
	set := withSamples(b, 300)
	src := sample.New(2)
	var all, processes []*engine.Input
	for len(processes) < 1000 {
		in := &engine.Input{Fact: src.Fact(), Prevalence: src.Prevalence()}
		if in.Fact.Kind == fact.KindProcess {
			processes = append(processes, in)
		}
		all = append(all, in)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, bench := range []struct {
		name   string
		inputs []*engine.Input
	}{{"all", all}, {"process", processes}} {
		b.Run(fmt.Sprintf("%s/rules=%d", bench.name, set.Len()), func(b *testing.B) {
			matcher := engine.NewLinear(engine.Entries(set))
			matched := 0
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				in := &engine.Input{Fact: bench.inputs[i%len(bench.inputs)].Fact, Prevalence: bench.inputs[i%len(bench.inputs)].Prevalence}
				matcher.Match(in, func(engine.Match) { matched++ })
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(set.Len()), "ns/rule-fact")
			b.ReportMetric(float64(matched)/float64(b.N), "matches/fact")
		})
	}
	b.Run("engine", func(b *testing.B) {
		e := engine.New(engine.Config{})
		e.Load(set)
		i := 0
		for b.Loop() {
			e.Process(all[i%len(all)], now)
			i++
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(set.Len()), "ns/rule-fact")
	})
}
