//go:build linux

package process_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/process"
)

// TestThreat_S4_DeletedWhileRunning: the image runs on after its file is gone,
// and a decoy under the name that the kernel shows is not what runs.
func TestThreat_S4_DeletedWhileRunning(t *testing.T) {
	s := run(t, process.Config{})
	path := copySelf(t, "updater", "evil")
	want := hashOf(t, path)
	c := play(t, "wait", path)
	s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	must(t, os.Remove(path))
	must(t, os.WriteFile(path+" (deleted)", []byte("decoy"), 0o755))
	must(t, os.WriteFile(path, []byte("decoy"), 0o755))
	f := s.wait(t, "seen as deleted", func(f *fact.Fact) bool {
		return of(c.pid(), fact.ProcessSeen)(f) && f.Process.Deleted
	})
	checkImage(t, s.settled(t, f).Process, path, fact.ExecutableDeleted, want)
}

// TestThreat_S4_StartedAndDeletedAtOnce: nobody saw it while it had a name.
func TestThreat_S4_StartedAndDeletedAtOnce(t *testing.T) {
	path := copySelf(t, "quick", "evil")
	want := hashOf(t, path)
	c := play(t, "wait", path)
	must(t, os.Remove(path))
	s := run(t, process.Config{})
	f := s.wait(t, "process", found(c.pid()))
	checkImage(t, s.settled(t, f).Process, path, fact.ExecutableDeleted, want)
}

// TestThreat_S4_NamedLikeDeleted: a file that is really called "x (deleted)"
// keeps its name and is not deleted.
func TestThreat_S4_NamedLikeDeleted(t *testing.T) {
	s := run(t, process.Config{})
	path := copySelf(t, "x (deleted)", "odd")
	c := play(t, "wait", path)
	f := s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	want := hashOf(t, path)
	checkImage(t, s.settled(t, f).Process, path, fact.ExecutableFile, want)
	must(t, os.Remove(path))
	f = s.wait(t, "seen as deleted", func(f *fact.Fact) bool {
		return of(c.pid(), fact.ProcessSeen)(f) && f.Process.Deleted
	})
	checkImage(t, s.settled(t, f).Process, path, fact.ExecutableDeleted, want)
}

// TestThreat_S4_OneOfTwoNamesGone: the kernel marks the path as deleted, but
// the file still has a name.
func TestThreat_S4_OneOfTwoNamesGone(t *testing.T) {
	path := copySelf(t, "twice", "")
	must(t, os.Link(path, path+"2"))
	c := play(t, "wait", path)
	must(t, os.Remove(path))
	s := run(t, process.Config{})
	f := s.wait(t, "process", found(c.pid()))
	checkImage(t, s.settled(t, f).Process, path, fact.ExecutableFile, hashOf(t, path+"2"))
}

func TestThreat_S4_Memfd(t *testing.T) {
	fd, err := unix.MemfdCreate("kworker", 0)
	must(t, err)
	image := os.NewFile(uintptr(fd), "memfd")
	defer image.Close()
	self, err := os.Open("/proc/self/exe")
	must(t, err)
	defer self.Close()
	_, err = io.Copy(image, self)
	must(t, err)
	s := run(t, process.Config{})
	c := play(t, "wait", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd))
	f := s.wait(t, "start", func(f *fact.Fact) bool {
		return f.Process != nil && f.Process.PID == c.pid() && f.Process.ExecutableKind == fact.ExecutableMemfd
	})
	checkImage(t, s.settled(t, f).Process, "/memfd:kworker", fact.ExecutableMemfd, hashOf(t, "/proc/self/exe"))
}

// TestThreat_S4_NamedLikeMemfd: a deleted file is not anonymous memory because
// of its name.
func TestThreat_S4_NamedLikeMemfd(t *testing.T) {
	testneed.Root(t) // to put a file where the kernel shows anonymous memory
	const path = "/memfd:picket-test"
	image, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.WriteFile(path, image, 0o755))
	defer os.Remove(path)
	c := play(t, "wait", path)
	must(t, os.Remove(path))
	s := run(t, process.Config{})
	f := s.wait(t, "process", found(c.pid()))
	checkImage(t, s.settled(t, f).Process, path, fact.ExecutableDeleted, hashOf(t, "/proc/self/exe"))
}

func checkImage(t *testing.T, p *fact.Process, path, kind, hash string) {
	t.Helper()
	if p.Executable != path || p.ExecutableKind != kind {
		t.Errorf("executable %q of kind %s, want %q of kind %s", p.Executable, p.ExecutableKind, path, kind)
	}
	if want := kind != fact.ExecutableFile; p.Deleted != want {
		t.Errorf("deleted %v, want %v", p.Deleted, want)
	}
	if p.HashStatus != fact.HashOK || p.Hash == nil || p.Hash.SHA256 != hash {
		t.Errorf("hash %s %+v, want that of the running image, %s", p.HashStatus, p.Hash, hash)
	}
}

// TestThreat_F3_NameThatIsNotUTF8: the exact bytes of an executable's name
// survive.
func TestThreat_F3_NameThatIsNotUTF8(t *testing.T) {
	s := run(t, process.Config{})
	path := copySelf(t, "a\n\x1b[31m\xff\xfe", "")
	c := play(t, "wait", path)
	f := s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	text, b64 := fact.Text([]byte(path))
	if f.Process.Executable != text || f.Process.ExecutableB64 != b64 || b64 == "" {
		t.Errorf("executable %q, %q", f.Process.Executable, f.Process.ExecutableB64)
	}
}

// TestThreat_S1_BlindnessIsTold: an unprivileged sensor beside processes of
// root says for each what it may not read, and how many there are.
func TestThreat_S1_BlindnessIsTold(t *testing.T) {
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
	cmd.Env = []string{roleVar + "=scan", "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	must(t, err)
	var self, coverage *fact.Fact
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		f := new(fact.Fact)
		if err := dec.Decode(f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch {
		case f.Process != nil && f.Process.PID == int64(os.Getpid()):
			self = f
		case f.Sensor != nil && f.Sensor.Action == fact.SensorDegraded:
			coverage = f
		}
	}
	if self == nil || self.Process.HashStatus != fact.HashUnreadable || self.Process.Hash != nil ||
		!strings.Contains(strings.Join(self.Process.Unreadable, " "), "exe:EACCES") || self.Process.Executable != "" {
		t.Errorf("root's process is told as %+v", self)
	}
	if coverage == nil || coverage.Sensor.Unreadable == 0 || coverage.Sensor.Seen == 0 {
		t.Errorf("coverage is told as %+v", coverage)
	}
}
