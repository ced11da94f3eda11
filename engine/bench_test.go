package engine_test

import (
	"fmt"
	"io/fs"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/engine"
	"picket.internal/engine/index"
	"picket.internal/engine/internal/sample"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/internal/rulegen"
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

// varied are n variations of the shipped rules.
func varied(tb testing.TB, n int) *rule.Set {
	tb.Helper()
	made, err := rulegen.Vary(rules.FS(), n)
	if err != nil {
		tb.Fatal(err)
	}
	set, findings := rule.LoadFS(made)
	if set == nil {
		tb.Fatal(findings.Err())
	}
	return set
}

// ordinary are facts that hosts send all day: what rules look for is rarely among
// them.
func ordinary(n int) (out []*engine.Input) {
	for _, f := range rulegen.Ordinary(1, n) {
		out = append(out, &engine.Input{Fact: f})
	}
	return out
}

// inputsOf are ordinary facts, and among them one in two hundred that a shipped
// rule's own tests are made of. Each such fact meets many variations of the rule.
func inputsOf(tb testing.TB, n int) []*engine.Input {
	tb.Helper()
	shipped := withSamples(tb, 0)
	var hostile []*engine.Input
	for _, r := range shipped.Rules() {
		for _, c := range r.Tests {
			for _, f := range c.Facts {
				hostile = append(hostile, &engine.Input{Fact: f, Prevalence: c.Prevalence})
			}
		}
	}
	out := ordinary(n)
	for i := 0; i < n; i += 200 {
		out[i] = hostile[i/200*7%len(hostile)]
	}
	return out
}

// BenchmarkMatch measures what a fact costs by the number of rules: through the
// index, asking every rule by its necessary condition first (linear), and asking
// every rule's whole condition (plain), which is what cel-go does by itself.
func BenchmarkMatch(b *testing.B) {
	inputs := inputsOf(b, 5000)
	profile := new(index.Profile)
	for _, in := range inputsOf(b, 1000) {
		profile.Learn(in.Fact, in.Prevalence)
	}
	for _, n := range []int{300, 3000, 30_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			set := varied(b, n)
			plain := engine.Entries(set)
			for _, e := range plain {
				engine.Sabotage(e, (*rule.Rule).EvaluateDirect)
			}
			linear := engine.NewLinear(engine.Entries(set))
			b.Run("index-ordinary", func(b *testing.B) {
				benchmarkMatcher(b, engine.NewIndexed(engine.Entries(set), profile), linear, ordinary(5000))
			})
			b.Run("index", func(b *testing.B) {
				benchmarkMatcher(b, engine.NewIndexed(engine.Entries(set), profile), linear, inputs)
			})
			b.Run("linear", func(b *testing.B) { benchmarkMatcher(b, linear, linear, inputs) })
			b.Run("plain", func(b *testing.B) { benchmarkMatcher(b, engine.NewLinear(plain), linear, inputs) })
		})
	}
}

func benchmarkMatcher(b *testing.B, m, oracle engine.Matcher, inputs []*engine.Input) {
	for _, in := range inputs[:100] {
		if diff := cmp.Diff(outcomes(oracle, in), outcomes(m, in)); diff != "" {
			b.Fatal(diff)
		}
	}
	v := engine.NewReused()
	matched, i := 0, 0
	count := func(engine.Match) { matched++ }
	b.ReportAllocs()
	b.ResetTimer()
	start := processTime(b)
	for b.Loop() {
		m.Match(v.Take(inputs[i%len(inputs)]), count)
		i++
	}
	b.ReportMetric(float64(processTime(b)-start)/float64(b.N), "cpu-ns/fact")
	b.ReportMetric(float64(matched)/float64(b.N), "matches/fact")
}

// processTime is the processor time that was used so far: on a machine that does
// something else too, only this can be compared.
func processTime(b *testing.B) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// BenchmarkProcessParallel measures facts of many hosts on all cores.
func BenchmarkProcessParallel(b *testing.B) {
	inputs := inputsOf(b, 5000)
	e := engine.New(engine.Config{})
	e.Load(varied(b, 3000))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var at atomic.Uint64
	b.ReportAllocs()
	b.ResetTimer()
	start := processTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for i := at.Add(1000); pb.Next(); i++ {
			e.Process(inputs[i%uint64(len(inputs))], now)
		}
	})
	b.ReportMetric(float64(processTime(b)-start)/float64(b.N), "cpu-ns/fact") // the same on any number of cores
}

// BenchmarkLoad measures what it takes to compile rules and build their index,
// and the memory that they then take.
func BenchmarkLoad(b *testing.B) {
	const n = 1000
	made, err := rulegen.Vary(rules.FS(), n)
	if err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var kept *engine.Engine
	for b.Loop() {
		kept = engine.New(engine.Config{})
		set, _ := rule.LoadFS(made)
		kept.Load(set)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/rule")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/rule")
	runtime.KeepAlive(kept)
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
