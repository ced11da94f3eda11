package process_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/process"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host is a root in which only State is used.
func host(t testing.TB) action.Root {
	testneed.Root(t)
	return action.Root{Dir: t.TempDir()}
}

// image is a copy of sleep that hashes differently from every other.
func image(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(testneed.Command(t, "sleep", "apt-get install coreutils"))
	must(t, err)
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, append(data, name...), 0o755))
	return path
}

func start(t testing.TB, path string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// is what identifies a process now.
func is(t testing.TB, pid int) process.Args {
	t.Helper()
	p, err := action.OpenProcess(pid)
	must(t, err)
	p.Close()
	f, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid))
	must(t, err)
	defer f.Close()
	sum, err := action.Digest(f, 1<<30)
	must(t, err)
	return process.Args{PID: pid, StartTicks: p.Start, SHA256: sum}
}

func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "gone"
	}
	return string(stat[strings.LastIndexByte(string(stat), ')')+2])
}

func refused(t testing.TB, err error, code string) {
	t.Helper()
	var r *action.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("%v, want the refusal %s", err, code)
	}
}

// kept is the record as the next run of the program reads it.
func kept(t testing.TB, r *process.Record) *process.Record {
	t.Helper()
	data, err := strictjson.Encode(r)
	must(t, err)
	var again process.Record
	must(t, strictjson.Decode(data, strictjson.Limits{}, &again, nil))
	return &again
}

func TestKill(t *testing.T) {
	root, cmd := host(t), start(t, image(t, "a"), "1000")
	r, err := process.Prepare(root, is(t, cmd.Process.Pid), true, nil)
	must(t, err)
	if s := state(cmd.Process.Pid); s != "S" && s != "R" {
		t.Fatalf("preparing left it in state %s", s)
	}
	effect, err := kept(t, r).Do(root)
	must(t, err)
	if effect["outcome"] != "killed" || effect["state"] != "gone" || effect["processes"] != "1" {
		t.Errorf("effect %v", effect)
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
	for range 2 {
		effect, err = r.Do(root)
		if must(t, err); effect["outcome"] != "already_gone" {
			t.Errorf("a second time: %v", effect)
		}
	}
	effect, err = r.Undo(root)
	if must(t, err); !strings.HasPrefix(effect["undo"], "none: ") {
		t.Errorf("undo says %v", effect)
	}
	if left, err := os.ReadDir(filepath.Join(root.State(), "process")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestNameThatLooksLikeFields: what a process calls itself shifts nothing.
func TestNameThatLooksLikeFields(t *testing.T) {
	root := host(t)
	for _, name := range []string{"a) Z 1 1 1 1", ") S 1 (x", "\n) T 0", "\xff)"} {
		cmd := start(t, image(t, name), "1000")
		p, err := action.OpenProcess(cmd.Process.Pid)
		must(t, err)
		if p.Close(); p.Parent != os.Getpid() || p.Kernel || p.Stopped() {
			t.Errorf("%q: its parent is %d, want %d", name, p.Parent, os.Getpid())
		}
		r, err := process.Prepare(root, is(t, cmd.Process.Pid), true, nil)
		must(t, err)
		effect, err := r.Do(root)
		if must(t, err); effect["outcome"] != "killed" {
			t.Errorf("%q: effect %v", name, effect)
		}
	}
}

func TestSuspendAndResume(t *testing.T) {
	root, cmd := host(t), start(t, image(t, "a"), "1000")
	r, err := process.Prepare(root, is(t, cmd.Process.Pid), false, nil)
	must(t, err)
	for range 2 {
		effect, err := kept(t, r).Do(root)
		if must(t, err); effect["outcome"] != "suspended" || effect["processes"] != "1" || effect["state"] != "T (stopped)" || state(cmd.Process.Pid) != "T" {
			t.Errorf("effect %v, state %s", effect, state(cmd.Process.Pid))
		}
	}
	for _, resumed := range []string{"1", "0"} {
		effect, err := kept(t, r).Undo(root)
		if must(t, err); effect["resumed"] != resumed || state(cmd.Process.Pid) == "T" {
			t.Errorf("effect %v, want %s resumed", effect, resumed)
		}
	}
}

// family starts a shell with two generations below it, and holds all of them.
func family(t testing.TB) (*exec.Cmd, []*action.Process) {
	t.Helper()
	sh := testneed.Command(t, "sh", "apt-get install dash")
	cmd := start(t, sh, "-c", "sleep 1000 & sh -c 'sleep 1000 & sleep 1000 & wait' & wait")
	return cmd, await(t, cmd.Process.Pid, func(list []*action.Process) bool { return len(list) == 5 })
}

// await holds top and all that descends from it once they are as they should be,
// and ends them with the test. They are held, because the number of one that has
// ended may be another's by the next look.
func await(t testing.TB, top int, ready func([]*action.Process) bool) []*action.Process {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		list := below(t, top)
		if ready(list) {
			t.Cleanup(func() {
				for _, p := range list {
					p.Signal(unix.SIGKILL)
					p.Close()
				}
			})
			return list
		}
		for _, p := range list {
			p.Close()
		}
		if time.Now().After(end) {
			t.Fatalf("below process %d there are %d after 10 s", top, len(list))
		}
	}
}

// below holds top and all that descends from it, parents first.
func below(t testing.TB, top int) []*action.Process {
	t.Helper()
	var list []*action.Process
	children := map[int][]*action.Process{}
	all, err := action.PIDs()
	must(t, err)
	for _, pid := range all {
		p, err := action.OpenProcess(pid)
		switch {
		case err != nil:
		case pid == top:
			list = append(list, p)
		default:
			children[p.Parent] = append(children[p.Parent], p)
		}
	}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i].PID]...)
		delete(children, list[i].PID)
	}
	for _, strangers := range children {
		for _, p := range strangers {
			p.Close()
		}
	}
	return list
}

// now is the state of a process that is held.
func now(p *action.Process) string {
	if p.Ended(0) {
		return "gone"
	}
	return state(p.PID)
}

// TestTree: all that descend are stopped, and only those go on that were not
// stopped before.
func TestTree(t *testing.T) {
	root := host(t)
	cmd, family := family(t)
	before := family[len(family)-1]
	must(t, before.Signal(unix.SIGSTOP))
	args := is(t, cmd.Process.Pid)
	args.Tree = true
	r, err := process.Prepare(root, args, false, nil)
	must(t, err)
	effect, err := r.Do(root)
	if must(t, err); effect["processes"] != "4" {
		t.Errorf("effect %v, want 4 processes", effect)
	}
	for _, p := range family {
		if s := now(p); s != "T" {
			t.Errorf("process %d is in state %s", p.PID, s)
		}
	}
	// Another suspension of the same tree stops nothing, and lets nothing go on.
	other, err := process.Prepare(root, args, false, nil)
	must(t, err)
	_, err = other.Do(root)
	must(t, err)
	if effect, err = other.Undo(root); err != nil || effect["resumed"] != "0" {
		t.Errorf("%v, %v", effect, err)
	}
	effect, err = kept(t, r).Undo(root)
	if must(t, err); effect["resumed"] != "4" || now(before) != "T" {
		t.Errorf("effect %v, the one that was stopped before is in state %s", effect, now(before))
	}
	for _, p := range family[:len(family)-1] {
		if now(p) == "T" {
			t.Errorf("process %d is still stopped", p.PID)
		}
	}
	r, err = process.Prepare(root, args, true, nil)
	must(t, err)
	effect, err = r.Do(root)
	if must(t, err); effect["processes"] != "5" || effect["outcome"] != "killed" {
		t.Errorf("effect %v, want 5 processes", effect)
	}
	for _, p := range family {
		if s := now(p); s != "gone" {
			t.Errorf("process %d is in state %s", p.PID, s)
		}
	}
}

// TestTreeThatGrows: one that starts children as fast as it can ends whole.
func TestTreeThatGrows(t *testing.T) {
	root := host(t)
	cmd := start(t, testneed.Command(t, "sh", "apt-get install dash"), "-c", "i=0; while [ $i -lt 400 ]; do sh -c 'sleep 1000; :' & i=$((i+1)); done; wait")
	await(t, cmd.Process.Pid, func(list []*action.Process) bool { return len(list) >= 20 })
	args := is(t, cmd.Process.Pid)
	args.Tree = true
	r, err := process.Prepare(root, args, false, nil)
	must(t, err)
	effect, err := r.Do(root)
	must(t, err)
	tree := await(t, cmd.Process.Pid, func([]*action.Process) bool { return true })
	if effect["processes"] != strconv.Itoa(len(tree)) {
		t.Errorf("effect %v, there are %d", effect, len(tree))
	}
	for _, p := range tree {
		if s := now(p); s != "T" {
			t.Errorf("process %d is in state %s", p.PID, s)
		}
	}
	r, err = process.Prepare(root, args, true, nil)
	must(t, err)
	effect, err = r.Do(root)
	if must(t, err); effect["processes"] != strconv.Itoa(len(tree)) {
		t.Errorf("effect %v, want %d processes", effect, len(tree))
	}
}

// TestAfterAnotherBoot: what is stopped still goes on, and what is not gets no
// signal: it may have number and start by chance.
func TestAfterAnotherBoot(t *testing.T) {
	for _, stopped := range []bool{true, false} {
		root, cmd := host(t), start(t, image(t, "a"), "1000")
		r, err := process.Prepare(root, is(t, cmd.Process.Pid), false, nil)
		must(t, err)
		_, err = r.Do(root)
		must(t, err)
		want := "1"
		if !stopped {
			must(t, cmd.Process.Signal(unix.SIGCONT))
			want = "0"
		}
		r = kept(t, r)
		r.Boot = "another"
		if holds, err := r.Holds(root); err != nil || holds != stopped {
			t.Errorf("stopped %v, holds %v, %v", stopped, holds, err)
		}
		effect, err := r.Undo(root)
		if must(t, err); effect["resumed"] != want || state(cmd.Process.Pid) == "T" {
			t.Errorf("stopped %v: effect %v, state %s", stopped, effect, state(cmd.Process.Pid))
		}
	}
}

// TestKilledInTheMiddle: what was stopped before a crash is ended, or let go
// on, by the next run, also where the first of them is gone by then.
func TestKilledInTheMiddle(t *testing.T) {
	for _, next := range []string{"do", "undo"} {
		root := host(t)
		cmd, family := family(t)
		args := is(t, cmd.Process.Pid)
		args.Tree = true
		r, err := process.Prepare(root, args, true, nil)
		must(t, err)
		stop := *r
		stop.Kill = false
		_, err = stop.Do(root)
		must(t, err)
		if next == "undo" {
			effect, err := kept(t, r).Undo(root)
			if must(t, err); effect["resumed"] != "5" {
				t.Errorf("effect %v", effect)
			}
			continue
		}
		must(t, cmd.Process.Kill())
		cmd.Wait()
		effect, err := kept(t, r).Do(root)
		if must(t, err); effect["outcome"] != "killed" {
			t.Errorf("effect %v", effect)
		}
		for _, p := range family {
			if s := now(p); s != "gone" {
				t.Errorf("process %d is in state %s", p.PID, s)
			}
		}
	}
}

// TestNumberOfAGroup: the number of a process that is gone, and that its group has
// still, is of no process.
func TestNumberOfAGroup(t *testing.T) {
	testneed.Root(t)
	leader := exec.Command(testneed.Command(t, "sh", "apt-get install dash"), "-c", "sleep 1000 & wait")
	leader.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	must(t, leader.Start())
	await(t, leader.Process.Pid, func(list []*action.Process) bool { return len(list) == 2 })
	must(t, leader.Process.Kill())
	leader.Wait()
	if p, err := action.OpenProcess(leader.Process.Pid); !errors.Is(err, action.ErrGone) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestThreat_W11_NumbersThatAreNoProcess(t *testing.T) {
	root := host(t)
	good := is(t, start(t, image(t, "a"), "1000").Process.Pid)
	kthread, err := action.OpenProcess(2)
	if err != nil || !kthread.Kernel {
		testneed.Missing(t, "needs the threads of the kernel in /proc: run the test outside of a PID namespace")
	}
	kthread.Close()
	for name, args := range map[string]process.Args{
		"minus one":           {PID: -1, StartTicks: 1, SHA256: good.SHA256},
		"zero":                {PID: 0, StartTicks: 1, SHA256: good.SHA256},
		"one":                 {PID: 1, StartTicks: 1, SHA256: good.SHA256},
		"thread of kernel":    {PID: 2, StartTicks: kthread.Start, SHA256: good.SHA256},
		"no hash":             {PID: good.PID, StartTicks: good.StartTicks},
		"hash in upper case":  {PID: good.PID, StartTicks: good.StartTicks, SHA256: strings.ToUpper(good.SHA256)},
		"hash of other bytes": {PID: good.PID, StartTicks: good.StartTicks, SHA256: good.SHA256 + "00"},
	} {
		_, err := process.Prepare(root, args, true, nil)
		t.Log(name, err)
		refused(t, err, "eat.bad_param")
	}
	other := good
	other.SHA256 = strings.Repeat("0", 64)
	_, err = process.Prepare(root, other, true, nil)
	refused(t, err, "kill.identity_mismatch")
	other = good
	other.StartTicks++
	_, err = process.Prepare(root, other, true, nil)
	refused(t, err, "kill.identity_mismatch")
	_, err = process.Prepare(root, good, true, func(pid int) bool { return pid == good.PID })
	refused(t, err, "policy.protected_target")
	self := is(t, os.Getppid())
	self.Tree = true
	_, err = process.Prepare(root, self, true, nil)
	refused(t, err, "kill.own_tree")
	if state(good.PID) == "gone" {
		t.Error("it was killed")
	}
}

// TestThreadsWithoutTheirFirst: a process whose first thread has ended looks
// like a zombie, without an image, and still runs.
func TestThreadsWithoutTheirFirst(t *testing.T) {
	root, path := host(t), filepath.Join(t.TempDir(), "threads")
	gcc := testneed.Command(t, "gcc", "apt-get install gcc libc6-dev")
	must(t, os.WriteFile(path+".c", []byte("#include <pthread.h>\n#include <unistd.h>\nvoid *f(void *p) { for (;;) { char c = 1; write(1, &c, 1); usleep(500); } }\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); pthread_exit(0); }\n"), 0o644))
	if out, err := exec.Command(gcc, "-static", "-pthread", "-o", path, path+".c").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	cmd := start(t, path)
	for state(cmd.Process.Pid) != "Z" {
	}
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	sum, err := action.Digest(f, 1<<30)
	must(t, err)
	p, err := action.OpenProcess(cmd.Process.Pid)
	must(t, err)
	p.Close()
	args := process.Args{PID: p.PID, StartTicks: p.Start, SHA256: sum}
	for _, kill := range []bool{false, true} {
		r, err := process.Prepare(root, args, kill, nil)
		must(t, err)
		effect, err := r.Do(root)
		if must(t, err); effect["processes"] != "1" || kill != (effect["state"] == "gone") {
			t.Errorf("effect %v", effect)
		}
	}
}

// TestParentThatWaitsInTheKernel: one that waits for a child of vfork does not
// stop, and hides nothing by it.
func TestParentThatWaitsInTheKernel(t *testing.T) {
	root, path := host(t), filepath.Join(t.TempDir(), "vfork")
	gcc := testneed.Command(t, "gcc", "apt-get install gcc libc6-dev")
	must(t, os.WriteFile(path+".c", []byte("#include <unistd.h>\nint main(void) { if (vfork() == 0) for (;;) pause(); }\n"), 0o644))
	if out, err := exec.Command(gcc, "-static", "-o", path, path+".c").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	cmd := start(t, path)
	both := await(t, cmd.Process.Pid, func(list []*action.Process) bool { return len(list) == 2 && now(list[0]) == "D" })
	args := is(t, cmd.Process.Pid)
	args.Tree = true
	for _, kill := range []bool{false, true} {
		r, err := process.Prepare(root, args, kill, nil)
		must(t, err)
		effect, err := r.Do(root)
		if must(t, err); effect["processes"] != "2" || kill != (effect["state"] == "gone") {
			t.Errorf("effect %v", effect)
		}
		if !kill && (now(both[0]) != "D" || now(both[1]) != "T") {
			t.Errorf("states %s and %s", now(both[0]), now(both[1]))
		}
	}
}

// TestThreat_W11_RecycledNumber: the process that was decided on ends before,
// between or while it is acted on, and an innocent one gets its number. It is
// never touched.
func TestThreat_W11_RecycledNumber(t *testing.T) {
	if !inOwnNumbers(t) {
		return
	}
	root, guilty, innocent := host(t), image(t, "guilty"), image(t, "innocent")
	const last = "/proc/sys/kernel/ns_last_pid"
	total := 60
	if os.Getenv("PICKET_SOAK") == "1" {
		total = 1000
	}
	outcomes, suspended := map[string]int{}, []*process.Record{}
	for done, tries := 0, 0; done < total; tries++ {
		if tries > 20*total {
			t.Fatalf("only %d of %d got the same number", done, total)
		}
		first := exec.Command(guilty, "1000")
		must(t, first.Start())
		args := is(t, first.Process.Pid)
		var second *exec.Cmd
		recycle := func() {
			first.Process.Kill()
			first.Wait()
			second = exec.Command(innocent, "1000")
			os.WriteFile(last, []byte(strconv.Itoa(args.PID-1)), 0)
			must(t, second.Start())
		}
		r, err := &process.Record{}, error(nil)
		effect := action.Effect{}
		if tries%3 == 0 {
			recycle()
		}
		if r, err = process.Prepare(root, args, tries%2 == 0, nil); err == nil {
			switch tries % 3 {
			case 1:
				recycle()
				effect, err = r.Do(root)
			case 2:
				at := make(chan bool)
				go func() {
					for range tries % 16 {
						state(os.Getpid()) // so that it comes at another moment each time
					}
					recycle()
					close(at)
				}()
				effect, err = r.Do(root)
				<-at
			}
		}
		if second.Process.Pid == args.PID {
			done++
			var refusal *action.Refusal
			switch {
			case errors.As(err, &refusal):
				outcomes[refusal.Code]++
			case err != nil:
				t.Fatal(err)
			default:
				outcomes[effect["outcome"]]++
			}
		}
		if effect["outcome"] == "suspended" {
			suspended = append(suspended, r)
		}
		if s := state(second.Process.Pid); s != "S" && s != "R" && s != "D" {
			t.Fatalf("the innocent process is in state %s after %v, %v", s, effect, err)
		}
		must(t, second.Process.Kill())
		if err := second.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Fatalf("the innocent process ended with %v", err)
		}
	}
	for _, r := range suspended {
		_, err := r.Undo(root)
		must(t, err)
	}
	if left, err := os.ReadDir(filepath.Join(root.State(), "process")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	t.Logf("%d numbers given again: %v", total, outcomes)
	if outcomes["kill.identity_mismatch"] < total/2 {
		t.Errorf("outcomes %v: want most of them a mismatch", outcomes)
	}
}

// inOwnNumbers runs the test again in a namespace of process numbers of its own,
// where it is number 1, and reports whether this is that run: numbers that are
// forced upon the whole machine would be given to processes of other tests.
func inOwnNumbers(t *testing.T) bool {
	t.Helper()
	const inside = "PICKET_TEST_OWN_NUMBERS"
	testneed.Root(t)
	if os.Getenv(inside) == t.Name() {
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		must(t, unix.Mount("proc", "/proc", "proc", 0, ""))
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=20m")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	must(t, err)
	return false
}
