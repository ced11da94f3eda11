package engine_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// marked is a set of n rules of which some mark every fact with the set's name.
func marked(t *testing.T, name string, n, marks int) *rule.Set {
	t.Helper()
	var docs [20]strings.Builder // files are bounded
	for i := range n {
		where := fmt.Sprintf(`process.executable == "/usr/bin/tool%d" && process.command_line.contains("--%s%d")`, i, name, i)
		if i%(n/marks) == 0 {
			where = `process.pid == 7`
		}
		d := doc(fmt.Sprintf("swap.r%04d", i), where, "")
		docs[i%len(docs)].WriteString("---\n" + strings.Replace(d, "title: title of", "title: "+name, 1))
	}
	files := fstest.MapFS{}
	for i := range docs {
		files[fmt.Sprintf("f%d.yaml", i)] = &fstest.MapFile{Data: []byte(docs[i].String())}
	}
	set, findings := rule.LoadFS(files)
	if set == nil {
		t.Fatal(findings.Err())
	}
	return set
}

// Rules are swapped while facts flow: each fact is held against all of one set,
// and none is passed over.
func TestSwapWhileFactsFlow(t *testing.T) {
	const rules, marks, swaps = 3000, 30, 6
	sets := []*rule.Set{marked(t, "one", rules, marks), marked(t, "other", rules, marks)}
	e := engine.New(engine.Config{})
	e.Load(sets[0])
	var hosts sync.WaitGroup
	var done atomic.Bool
	var given, answered atomic.Uint64
	for h := range 4 {
		hosts.Go(func() {
			for n := 0; !done.Load() || n < 100; n++ {
				f := &fact.Fact{ID: fmt.Sprintf("01J%d%022d", h, n), Kind: fact.KindProcess, Host: fact.Host{ID: fmt.Sprint("h_", h)}, Process: &fact.Process{PID: 7, Executable: "/usr/bin/x"}}
				given.Add(1)
				alerts := e.Process(&engine.Input{Fact: f}, noon)
				if len(alerts) != marks {
					t.Errorf("%d rules marked the fact, wanted %d", len(alerts), marks)
					return
				}
				for _, a := range alerts {
					if name, _, _ := strings.Cut(a.Rule.Title, " "); !strings.HasPrefix(alerts[0].Rule.Title, name+" ") || a.Facts[0] != f {
						t.Errorf("%q beside %q", a.Rule.Title, alerts[0].Rule.Title)
						return
					}
				}
				answered.Add(1)
			}
		})
	}
	for i := range swaps {
		e.Load(sets[(i+1)%2])
	}
	done.Store(true)
	hosts.Wait()
	if given.Load() != answered.Load() {
		t.Errorf("%d facts, %d answers", given.Load(), answered.Load())
	}
	var matched uint64
	for _, s := range e.Stats().Rules {
		matched += s.Matched
	}
	if matched != given.Load()*marks {
		t.Errorf("%d matches are counted, wanted %d", matched, given.Load()*marks)
	}
}

// Nearly all facts meet no rule: they must cost no memory.
func TestFactWithoutMatchTakesNoMemory(t *testing.T) {
	e := engine.New(engine.Config{})
	e.Load(withSamples(t, 0))
	in := &engine.Input{Fact: &fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{
		Action: "start", PID: 4711, Name: "postgres", Executable: "/usr/lib/postgresql/15/bin/postgres", ExecutableKind: "file", Args: []string{"postgres:", "checkpointer"}, CommandLine: "postgres: checkpointer",
		Parent: &fact.Parent{PID: 4700, Name: "bash", Executable: "/usr/bin/bash"},
	}, User: &fact.User{ID: "1000", Name: "ada"}}}
	if n := testing.AllocsPerRun(1000, func() { e.Process(in, noon) }); n > mostAllocations {
		t.Errorf("%v allocations a fact", n)
	}
}
