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
	b.Run("shipped/ordinary", func(b *testing.B) { // what nearly all facts of a host are: no rule meets them
		e := engine.New(engine.Config{})
		e.Load(withSamples(b, 0))
		in := &engine.Input{Fact: &fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{
			Action: "start", PID: 4711, Name: "cat", Executable: "/usr/bin/cat", ExecutableKind: "file", Args: []string{"cat", "/etc/motd"}, CommandLine: "cat /etc/motd",
			Parent: &fact.Parent{PID: 4700, Name: "bash", Executable: "/usr/bin/bash"},
		}, User: &fact.User{ID: "1000", Name: "ada"}}}
		b.ReportAllocs()
		for b.Loop() {
			if alerts := e.Process(in, now); alerts != nil {
				b.Fatal(alerts)
			}
		}
	})
	b.Run("shipped/process", func(b *testing.B) { // facts made up to be met: most of the cost is in making alerts
		shipped := withSamples(b, 0)
		e := engine.New(engine.Config{})
		e.Load(shipped)
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			e.Process(processes[i%len(processes)], now)
			i++
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(shipped.Len()), "ns/rule-fact")
	})
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
