package bench

import (
	"math"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/index"
	"picket.internal/engine/rule"
	"picket.internal/internal/rulegen"
)

// What design.md section 10 bounds.
const (
	leastGain  = 100 // times cheaper than cel-go by itself, at 3,000 rules
	mostGrowth = 2.0 // of a fact's cost from 300 rules to 30,000
	mostMemory = 20_000
)

// TestScale prints what ordinary facts cost at 300, 3,000 and 30,000 rules, and
// what the rules cost: time to compile and index them, and memory.
func TestScale(t *testing.T) {
	measuring(t)
	var inputs []*input
	for _, f := range rulegen.Ordinary(2, 5000) {
		inputs = append(inputs, &input{fact: f})
	}
	profile := new(index.Profile)
	for _, f := range rulegen.Ordinary(1, 1000) {
		profile.Learn(f, nil)
	}
	sizes := []int{300, 3000, 30_000}
	matchers, cost := map[int]func(*input) []string{}, map[int]float64{}
	for _, n := range sizes {
		set, took, memory := compile(t, n)
		matchers[n], cost[n] = picket(set, index.New(set, profile)), math.Inf(1)
		t.Logf("%6d rules: %8.1f ms to load, %4.0f µs a rule; %6.0f bytes a rule", n,
			float64(took.Microseconds())/1000, float64(took.Microseconds())/float64(n), memory)
		if memory > mostMemory {
			t.Errorf("a rule takes %.0f bytes, more than %d", memory, mostMemory)
		}
	}
	runtime.GC()
	// In turn, and the least of many: what else the machine does empties caches,
	// and that must not be taken for what more rules cost.
	for range 200 {
		for _, n := range sizes {
			cost[n] = min(cost[n], pass(matchers[n], inputs))
		}
	}
	quiet := map[int]float64{}
	none := slices.DeleteFunc(slices.Clone(inputs), func(in *input) bool { return len(matchers[30_000](in)) > 0 })
	for _, n := range sizes {
		quiet[n] = math.Inf(1)
	}
	for range 200 {
		for _, n := range sizes {
			quiet[n] = min(quiet[n], pass(matchers[n], none))
		}
	}
	for _, n := range sizes {
		matches := 0
		for _, in := range inputs {
			matches += len(matchers[n](in))
		}
		t.Logf("%6d rules: %8.0f ns a fact, which matches %.2f of them; %.0f ns one that matches none", n, cost[n], float64(matches)/float64(len(inputs)), quiet[n])
	}
	t.Logf("a fact that matches nothing (%d of %d) costs %.2f times as much with 100 times the rules", len(none), len(inputs), quiet[30_000]/quiet[300])
	growth := cost[30_000] / cost[300]
	t.Logf("a fact costs %.2f times as much with 100 times the rules", growth)
	if growth > mostGrowth {
		t.Errorf("that is more than %.1f times", mostGrowth)
	}
}

// pass is what a fact costs in one pass over all, of processor time.
func pass(match func(*input) []string, inputs []*input) float64 {
	start := processTime()
	for _, in := range inputs {
		match(in)
	}
	return float64(processTime()-start) / float64(len(inputs))
}

// compile loads n rules into an engine and says what that took of processor
// time and of memory.
func compile(t *testing.T, n int) (set []*rule.Rule, took time.Duration, memory float64) {
	t.Helper()
	made, err := rulegen.Vary(folder(), n)
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	start := processTime()
	loaded, findings := rule.LoadFS(made)
	if loaded == nil {
		t.Fatal(findings.Err())
	}
	e := engine.New(engine.Config{})
	e.Load(loaded)
	took = processTime() - start
	memory = float64(heap()-before) / float64(n)
	runtime.KeepAlive(e)
	return loaded.Rules(), took, memory
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func measuring(t *testing.T) {
	t.Helper()
	if os.Getenv("PICKET_BENCH") == "" {
		t.Skip("measuring takes minutes; make bench does it")
	}
}
