//go:build linux

package process_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/connector"
	"picket.internal/sensor/watch/process"
)

// TestThreat_S12_TurnedOff: another process may ask the kernel to tell no
// more. Either that changes nothing, as from Linux 6.6 on, or the collector
// finds out, says so, and listens anew.
func TestThreat_S12_TurnedOff(t *testing.T) {
	var mu sync.Mutex
	var sockets []*connector.Socket
	cfg := process.Config{}
	c, s := hearing(t, cfg.Listening(func(sock *connector.Socket) {
		mu.Lock()
		defer mu.Unlock()
		sockets = append(sockets, sock)
	}))
	other := exec.Command("/proc/self/exe")
	other.Env = []string{roleVar + "=ignore", "GORACE=atexit_sleep_ms=0"}
	if out, err := other.CombinedOutput(); err != nil {
		t.Fatalf("turning it off: %v\n%s", err, out)
	}
	told := func() {
		t.Helper()
		cmd := exec.Command("true")
		must(t, cmd.Run())
		s.wait(t, "process that the kernel told of", func(f *fact.Fact) bool {
			return of(int64(cmd.Process.Pid), fact.ProcessExit)(f) && f.Process.Source == fact.SourceConnector
		})
	}
	told()
	// What an old kernel would make of that, or a new one of its own listener.
	mu.Lock()
	sock, before := sockets[len(sockets)-1], len(sockets)
	mu.Unlock()
	began := time.Now()
	must(t, sock.Ignore())
	f := s.wait(t, "loss", func(f *fact.Fact) bool {
		return f.Sensor != nil && f.Sensor.Cause == fact.LossConnector && strings.Contains(f.Sensor.Reason, "fell silent")
	})
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %v to find out", took)
	}
	if f.Sensor.First == "" || f.Sensor.Last == "" || f.Sensor.Count != 0 {
		t.Errorf("loss %+v", f.Sensor)
	}
	waitFor(t, "the kernel to be heard again", c.Live)
	mu.Lock()
	if len(sockets) <= before {
		t.Error("it did not listen anew")
	}
	mu.Unlock()
	told()
}

// recycleSource starts children that run one of two images under few numbers:
// before each, the kernel is told to give out the same numbers again.
const recycleSource = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
	if (argc == 2) { usleep(atoi(argv[1])); return 0; }
	int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
	long total = atol(argv[1]);
	char *base = argv[2], *env[] = {0}, *naps[] = {"0", "300", "1500", "4000"};
	for (long i = 0; i < total; i++) {
		char *path = argv[3 + i % 2], *name = i % 2 ? "second" : "first";
		char *args[] = {name, naps[(i / 7) % 4], 0};
		pwrite(last, base, strlen(base), 0);
		if (vfork() == 0) { execve(path, args, env); _exit(1); }
		if (i % 4 == 3) while (waitpid(-1, 0, 0) > 0);
	}
	while (waitpid(-1, 0, 0) > 0);
}
`

// build makes a program of C source.
func build(t testing.TB, source, path string) {
	t.Helper()
	gcc := testneed.Command(t, "gcc", "apt-get install gcc libc6-dev")
	must(t, os.WriteFile(path+".c", []byte(source), 0o644))
	if out, err := exec.Command(gcc, "-static", "-O1", "-w", "-o", path, path+".c").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
}

// TestThreat_S3_RecycledNumbers: processes that get each other's numbers all
// the time are never mixed in one fact: image, arguments and hash are of one,
// and one identity has one image.
func TestThreat_S3_RecycledNumbers(t *testing.T) {
	testneed.Root(t)
	total := 1200
	if os.Getenv("PICKET_SOAK") == "1" {
		total = 100_000
	}
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	build(t, recycleSource, first)
	image, err := os.ReadFile(first)
	must(t, err)
	must(t, os.WriteFile(second, append(image, 'x'), 0o755))
	hashes := map[string]string{"first": hashOf(t, first), "second": hashOf(t, second)}
	_, s := hearing(t, process.Config{Rate: 100_000, Interval: 5 * time.Millisecond, Revalidate: 5})
	cmd := exec.Command(first, strconv.Itoa(total), "29000", first, second)
	must(t, cmd.Run())
	s.ends(t, map[int64]bool{int64(cmd.Process.Pid): true})
	samples, pids := 0, map[int64]bool{}
	facts, _ := s.facts()
	for _, f := range facts {
		p := f.Process
		if p == nil || p.PID < 29000 || len(p.Args) != 2 || p.Executable != first && p.Executable != second {
			continue
		}
		samples++
		pids[p.PID] = true
		if name := filepath.Base(p.Executable); p.Args[0] != name || p.Hash != nil && p.Hash.SHA256 != hashes[name] {
			t.Errorf("%s runs with the arguments %q and the hash %+v", p.Executable, p.Args, p.Hash)
		}
	}
	t.Logf("%d facts of processes with %d numbers", samples, len(pids))
	if samples < total/20 {
		t.Errorf("only %d of %d processes were read", samples, total)
	}
}

// TestThreat_S5_ImageOfAContainer: what runs in a root and a mount namespace
// of its own is hashed there, and not what the host has under that name.
func TestThreat_S5_ImageOfAContainer(t *testing.T) {
	testneed.Root(t)
	root := t.TempDir()
	must(t, unix.Mount("picket", root, "tmpfs", 0, "size=16m"))
	t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
	must(t, os.MkdirAll(filepath.Join(root, "bin"), 0o755))
	image := filepath.Join(root, "bin", "sleep")
	build(t, "int main() { char c; return read(0, &c, 1) < 0; }", image)
	s := run(t, process.Config{})
	sleep := func() *fact.Fact {
		t.Helper()
		cmd := exec.Command("/bin/sleep", "1")
		cmd.Err, cmd.Path = nil, "/bin/sleep"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWNS}
		cmd.Dir = "/"
		in, err := cmd.StdinPipe()
		must(t, err)
		must(t, cmd.Start())
		defer cmd.Wait()
		defer in.Close()
		return s.wait(t, "process in the container", func(f *fact.Fact) bool {
			return f.Process != nil && f.Process.PID == int64(cmd.Process.Pid) && f.Process.Hash != nil && strings.HasSuffix(f.Process.Executable, "bin/sleep")
		})
	}
	want := hashOf(t, image)
	if f := sleep(); f.Process.Hash.SHA256 != want || want == hashOf(t, "/bin/sleep") {
		t.Errorf("hash %s, want that of the container's file, %s", f.Process.Hash.SHA256, want)
	} else if f.Process.ExecutableFilesystem != "tmpfs" {
		t.Errorf("the file system is told as %q", f.Process.ExecutableFilesystem)
	}

	// Other content with the size and the times of the one before.
	var st unix.Stat_t
	must(t, unix.Stat(image, &st))
	data, err := os.ReadFile(image)
	must(t, err)
	data = append(data[:len(data)-1], data[len(data)-1]^1)
	must(t, os.WriteFile(image, data, 0o755))
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, image, []unix.Timespec{st.Atim, st.Mtim}, 0))
	if f := sleep(); f.Process.Hash.SHA256 != hashOf(t, image) || f.Process.Hash.SHA256 == want {
		t.Errorf("after a swap the hash is %s", f.Process.Hash.SHA256)
	}
}

// TestThreat_S6_SparseTerabyte: a file of any size costs nothing.
func TestThreat_S6_SparseTerabyte(t *testing.T) {
	path := copySelf(t, "huge", "")
	must(t, os.Truncate(path, 1<<40))
	s := run(t, process.Config{})
	c := play(t, "wait", path)
	f := s.wait(t, "process of that image", func(f *fact.Fact) bool {
		return f.Process != nil && f.Process.PID == c.pid() && f.Process.Executable == path
	})
	if f.Process.HashStatus != fact.HashTooLarge || f.Process.Hash != nil {
		t.Errorf("hash status %s", f.Process.HashStatus)
	}
}

// TestThreat_S7_ScriptsAreHashed: what an interpreter runs is told beside it.
func TestThreat_S7_ScriptsAreHashed(t *testing.T) {
	dir := t.TempDir()
	evil := filepath.Join(dir, "evil.sh")
	must(t, os.WriteFile(evil, []byte("#!/bin/sh -e\nread x\n"), 0o755))
	pl := filepath.Join(dir, "evil.pl")
	must(t, os.WriteFile(pl, []byte("<STDIN>;"), 0o644))
	must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	s := run(t, process.Config{})
	for _, c := range []struct {
		name         string
		args         []string
		kind, path   string
		hash, status string
	}{
		{"by a relative path", []string{"sh", "evil.sh"}, fact.ScriptFile, evil, hashOf(t, evil), fact.HashOK},
		{"by its own first line", []string{evil}, fact.ScriptFile, evil, hashOf(t, evil), fact.HashOK},
		{"another interpreter", []string{"perl", "-w", pl}, fact.ScriptFile, pl, hashOf(t, pl), fact.HashOK},
		{"upwards and down again", []string{"sh", "../" + filepath.Base(dir) + "/evil.sh"}, fact.ScriptFile, evil, hashOf(t, evil), fact.HashOK},
		{"standard input", []string{"sh"}, fact.ScriptUnknown, "", "", ""},
		{"text", []string{"sh", "-c", "read x; :"}, fact.ScriptInline, "", "", ""},
		{"a FIFO", []string{"sh", "fifo"}, fact.ScriptFile, filepath.Join(dir, "fifo"), "", fact.HashUnreadable},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(c.args[0], c.args[1:]...)
			cmd.Dir = dir
			in, err := cmd.StdinPipe()
			must(t, err)
			must(t, cmd.Start())
			f := s.wait(t, "process with a script", func(f *fact.Fact) bool {
				return f.Process != nil && f.Process.PID == int64(cmd.Process.Pid) && f.Process.Script != nil && f.Process.Hash != nil &&
					f.Process.Script.HashStatus != fact.HashDeferred
			})
			cmd.Process.Kill()
			in.Close()
			cmd.Wait()
			sc := f.Process.Script
			sum := ""
			if sc.Hash != nil {
				sum = sc.Hash.SHA256
			}
			if sc.Kind != c.kind || sc.Path != c.path || sum != c.hash || sc.HashStatus != c.status {
				t.Errorf("told as %+v, hash %q, want %+v", sc, sum, c)
			}
		})
	}
}

// TestVanishes: whatever of a process is gone when it is to be read, what there
// was is told.
func TestVanishes(t *testing.T) {
	for _, gone := range []string{"status", "cmdline", "cwd", "exe", "cgroup", "stat"} {
		p := scripted{t, t.TempDir()}
		p.put(7, "100")
		dir := filepath.Join(p.root, "7")
		must(t, os.WriteFile(filepath.Join(dir, "status"), []byte("Name:\tp\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n"), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "cmdline"), []byte("p\x00x\x00"), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "cgroup"), []byte("0::/system.slice/p.service\n"), 0o644))
		must(t, os.Symlink("/", filepath.Join(dir, "cwd")))
		must(t, os.Symlink("/proc/self/exe", filepath.Join(dir, "exe")))
		must(t, os.Remove(filepath.Join(dir, gone)))
		c, err := process.New(process.Config{Proc: p.root})
		must(t, err)
		s := newSink()
		c.Begin(s)
		must(t, c.Scan())
		want := 1
		if gone == "stat" {
			want = 0
		}
		if gone == "exe" || gone == "stat" {
			if got := actions(s, 7); len(got) != want {
				t.Errorf("without %s told as %q", gone, got)
			}
			continue
		}
		waitFor(t, "the hash", func() bool { c.Settle(); return len(actions(s, 7)) == 1 })
	}
}

// TestFiftyThousand: as many processes as a host can have are met in bounded
// memory.
func TestFiftyThousand(t *testing.T) {
	n := 5_000
	if os.Getenv("PICKET_SOAK") == "1" {
		n = 50_000
	}
	p := scripted{t, t.TempDir()}
	for pid := 1; pid <= n; pid++ {
		p.put(pid, strconv.Itoa(pid))
	}
	c, err := process.New(process.Config{Proc: p.root})
	must(t, err)
	c.Begin(nowhere{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	must(t, c.Scan())
	took := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / int64(n)
	t.Logf("%d processes met in %v, %d bytes each", n, took, each)
	if c.Count() != int64(n) || each > 1500 {
		t.Errorf("%d known, %d bytes each", c.Count(), each)
	}
}

// TestHiddenProcesses: where proc hides other users' processes, that is told,
// and the sensor goes on with what it can see.
func TestHiddenProcesses(t *testing.T) {
	testneed.Root(t)
	dir, err := os.MkdirTemp("", "picket-")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o755))
	image, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	path := filepath.Join(dir, "sensor")
	must(t, os.WriteFile(path, image, 0o755))
	cmd := exec.Command(path)
	cmd.Env = []string{roleVar + "=hidden", "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	must(t, err)
	hidden, own, foreign := false, false, 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		f := new(fact.Fact)
		if err := dec.Decode(f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch {
		case f.Sensor != nil && strings.Contains(f.Sensor.Reason, "hidepid"):
			hidden = true
		case f.Process != nil && f.Process.PID == int64(cmd.Process.Pid):
			own = true
		case f.Process != nil && f.Process.Source == fact.SourceScan && f.User != nil && f.User.ID != "65534":
			foreign++
		}
	}
	if !hidden || !own || foreign > 0 {
		t.Errorf("hidden %v, own process %v, %d of others", hidden, own, foreign)
	}
}
