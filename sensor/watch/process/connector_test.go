//go:build linux

package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/process"
)

// hearing runs a collector that the kernel tells what happens, and waits until
// it does.
func hearing(t testing.TB, cfg process.Config) (*process.Collector, *sink) {
	t.Helper()
	testneed.Root(t)
	c, err := process.New(cfg)
	must(t, err)
	s := newSink()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running: %v", err)
		}
	})
	waitFor(t, "the kernel to be heard", c.Live)
	s.wait(t, "seen of the test itself", of(int64(os.Getpid()), fact.ProcessSeen))
	return c, s
}

// ends waits for the facts of processes to be complete: each exit.
func (s *sink) ends(t testing.TB, pids map[int64]bool) map[int64][]*fact.Fact {
	t.Helper()
	all, left := map[int64][]*fact.Fact{}, len(pids)
	from := 0
	for end := time.After(patience); left > 0; {
		facts, grow := s.facts()
		for ; from < len(facts); from++ {
			f := facts[from]
			if f.Process == nil || !pids[f.Process.PID] || f.Process.Action == fact.ProcessSeen {
				continue
			}
			all[f.Process.PID] = append(all[f.Process.PID], f)
			if f.Process.Action == fact.ProcessExit {
				left--
			}
		}
		if left == 0 {
			break
		}
		select {
		case <-grow:
		case <-end:
			t.Logf("%d ends did not come", left)
			return all
		}
	}
	return all
}

// TestProcessesOfTwoMilliseconds: none of them comes and goes unseen, though
// nobody looks while they live.
func TestProcessesOfTwoMilliseconds(t *testing.T) {
	_, s := hearing(t, process.Config{Interval: time.Minute})
	const n = 200
	pids := map[int64]bool{}
	for range n {
		cmd := exec.Command("sleep", "0.001")
		must(t, cmd.Run())
		pids[int64(cmd.Process.Pid)] = true
	}
	told := s.ends(t, pids)
	whole := 0
	for pid := range pids {
		facts := told[pid]
		if len(facts) < 2 || facts[0].Process.Action != fact.ProcessStart || facts[len(facts)-1].Process.Action != fact.ProcessExit {
			t.Fatalf("process %d is told in %d facts", pid, len(facts))
		}
		start, exit := facts[0].Process, facts[len(facts)-1].Process
		if start.Parent == nil || start.Parent.PID != int64(os.Getpid()) || start.Parent.Executable == "" {
			t.Errorf("process %d has the parent %+v", pid, start.Parent)
		}
		if exit.ExitCode == nil || *exit.ExitCode != 0 || exit.EntityID != start.EntityID || exit.Source != fact.SourceConnector {
			t.Errorf("process %d ended as %+v", pid, exit)
		}
		if filepath.Base(start.Executable) == "sleep" && slices.Equal(start.Args, []string{"sleep", "0.001"}) && start.Hash != nil {
			whole++
		}
	}
	t.Logf("%d of %d with executable, arguments and hash", whole, n)
	// How many is a matter of the machine and of what else it does: the benchmark
	// of exec to fact measures that.
	if whole == 0 {
		t.Error("none could be read while it lived")
	}
}

// TestForkWithoutExec: a process that executes nothing is told as what its
// parent is, also where it was gone before anybody could look.
func TestForkWithoutExec(t *testing.T) {
	_, s := hearing(t, process.Config{Interval: time.Minute})
	cmd := exec.Command("sh", "-c", `sleep 0.3; ( exit 3 ); ( exit 4 ) ; sleep 0.1`)
	must(t, cmd.Run())
	shell := int64(cmd.Process.Pid)
	s.ends(t, map[int64]bool{shell: true})
	codes := map[int64]int{}
	facts, _ := s.facts()
	for _, f := range facts {
		if p := f.Process; p != nil && p.Parent != nil && p.Parent.PID == shell && p.Action == fact.ProcessExit {
			codes[*p.ExitCode]++
			if code := *p.ExitCode; (code == 3 || code == 4) && (p.Executable == "" || p.Hash == nil) {
				t.Errorf("a subshell is told as %+v", p)
			}
		}
	}
	if codes[3] != 1 || codes[4] != 1 || codes[0] != 2 {
		t.Errorf("children ended with %v", codes)
	}
}

// TestNoProcessIsToldTwice: what a look finds and what the kernel tells is one
// process.
func TestNoProcessIsToldTwice(t *testing.T) {
	_, s := hearing(t, process.Config{Interval: 2 * time.Millisecond, Revalidate: 5})
	pids := map[int64]bool{}
	for i := range 100 {
		cmd := exec.Command("sh", "-c", "exec sleep 0.00"+strconv.Itoa(i%10))
		must(t, cmd.Run())
		pids[int64(cmd.Process.Pid)] = true
	}
	for pid, facts := range s.ends(t, pids) {
		count := map[string]int{}
		for _, f := range facts {
			count[f.Process.Action]++
		}
		if count[fact.ProcessStart] != 1 || count[fact.ProcessExit] != 1 {
			t.Errorf("process %d: %v: %q", pid, count, actions(s, pid))
		}
	}
	facts, _ := s.facts()
	for _, f := range facts {
		if f.Sensor != nil && f.Sensor.Cause == fact.LossConnector {
			t.Errorf("told as lost: %+v", f.Sensor)
		}
	}
}

// TestExecByAnotherThread: when a thread executes, the first one ends and the
// process does not.
func TestExecByAnotherThread(t *testing.T) {
	_, s := hearing(t, process.Config{})
	path := copySelf(t, "threads", "")
	c := play(t, "exec", path, path, "again")
	s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	c.in.Write([]byte{'x'})
	s.wait(t, "exec", of(c.pid(), fact.ProcessExec))
	c.end()
	s.wait(t, "exit", of(c.pid(), fact.ProcessExit))
	if got := actions(s, c.pid()); len(got) != 3 {
		t.Errorf("told as %q", got)
	}
}

// buildBurst builds the program that starts processes at a rate.
func buildBurst(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "burst")
	source, err := os.ReadFile("testdata/burst.c")
	must(t, err)
	build(t, string(source), path)
	return path
}

// counter counts facts as the queue takes them: encoded.
type counter struct {
	mu            sync.Mutex
	parent        int64
	started, lost int64
	facts, bytes  int
	reasons       []string
	ended         chan struct{}
}

func (c *counter) Emit(f *fact.Fact) {
	data, err := f.Encode()
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.facts++
	c.bytes += len(data)
	switch {
	case f.Sensor != nil && f.Sensor.Action == fact.SensorLoss:
		c.lost += f.Sensor.Count
		c.reasons = append(c.reasons, f.Sensor.Cause+": "+f.Sensor.Reason)
	case f.Process == nil:
	case f.Process.PID == c.parent && f.Process.Action == fact.ProcessExit:
		close(c.ended)
	case f.Process.Action == fact.ProcessStart && f.Process.Parent != nil && f.Process.Parent.PID == c.parent:
		c.started++
	}
}

// TestBurst: far more short processes than can be told one by one are told or
// counted, every one of them, and do not take the core.
func TestBurst(t *testing.T) {
	testneed.Root(t)
	path := buildBurst(t)
	t.Run("that executes", func(t *testing.T) { testBurst(t, path) })
	t.Run("that forks", func(t *testing.T) { testBurst(t, path, "fork") })
}

func testBurst(t *testing.T, path string, how ...string) {
	rate, seconds, cfg := 2000, 1, process.Config{Rate: 50}
	if os.Getenv("PICKET_SOAK") == "1" {
		rate, seconds, cfg = 2000, 10, process.Config{}
	}
	c, err := process.New(cfg)
	must(t, err)
	burst := exec.Command(path, append([]string{strconv.Itoa(rate), strconv.Itoa(seconds)}, how...)...)
	begin, err := burst.StdinPipe()
	must(t, err)
	took, err := burst.StdoutPipe()
	must(t, err)
	must(t, burst.Start())
	out := &counter{parent: int64(burst.Process.Pid), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, out) }()
	waitFor(t, "the kernel to be heard", c.Live)
	before := selfCPU(t)
	begin.Close()
	var ms int64
	_, err = fmt.Fscan(took, &ms)
	must(t, err)
	burst.Wait()
	select {
	case <-out.ended:
	case <-time.After(patience):
		t.Error("the end of the burst was not told")
	}
	used := selfCPU(t) - before
	known := c.Count()
	cancel()
	must(t, <-done)
	total := int64(rate * seconds)
	t.Logf("%d processes in %d ms: %d told, %d counted, %d facts of %d bytes, %v of processor time: %.0f %% of a core",
		total, ms, out.started, out.lost, out.facts, out.bytes, used, float64(used.Milliseconds())/float64(ms)*100)
	t.Logf("losses: %q", out.reasons)
	if out.started+out.lost < total {
		t.Errorf("%d were told and %d counted of %d", out.started, out.lost, total)
	}
	if out.started > total {
		t.Errorf("%d were told of %d", out.started, total)
	}
	if known > 2000 {
		t.Errorf("%d are still known", known)
	}
}

func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func selfCPU(t testing.TB) time.Duration {
	var u unix.Rusage
	must(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestCountIsForEverybody: how many processes there are is asked by others
// while the collector is at work.
func TestCountIsForEverybody(t *testing.T) {
	c, s := hearing(t, process.Config{Interval: 20 * time.Millisecond})
	asked, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(asked)
		for {
			select {
			case <-stop:
				return
			default:
				if c.Count() < 0 {
					t.Error("less than none are known")
				}
			}
		}
	}()
	pids := map[int64]bool{}
	for range 30 {
		cmd := exec.Command("true")
		must(t, cmd.Run())
		pids[int64(cmd.Process.Pid)] = true
	}
	s.ends(t, pids)
	close(stop)
	<-asked
}
