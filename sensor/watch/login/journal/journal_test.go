//go:build linux

package journal_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/login/journal"
)

var programs = []string{"sshd", "sudo", "su"}

// unpack puts a fixture into a folder of the test's own as its system.journal.
func unpack(t testing.TB, name string) (dir string) {
	t.Helper()
	in, err := os.Open(filepath.Join("testdata", name+".gz"))
	must(t, err)
	defer in.Close()
	z, err := gzip.NewReader(in)
	must(t, err)
	dir = t.TempDir()
	out, err := os.Create(filepath.Join(dir, "system.journal"))
	must(t, err)
	defer out.Close()
	_, err = io.Copy(out, z)
	must(t, err)
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lines are the entries that a look gives, one line each.
func lines(t testing.TB, fl *journal.Follower) (all []string, lost journal.Lost) {
	t.Helper()
	for {
		l, more, err := fl.Poll(7, func(e journal.Entry) {
			all = append(all, fmt.Sprintf("%s %s[%d]: %s", e.Time.Format("15:04:05"), e.Program, e.PID, e.Message))
		})
		must(t, err)
		lost.Malformed += l.Malformed
		lost.Packed += l.Packed
		lost.Files += l.Files
		if !more {
			return all, lost
		}
	}
}

// TestRealJournals reads what systemd wrote, in both of its layouts. What bob
// forged is not there, nor what root's other programs said.
func TestRealJournals(t *testing.T) {
	var both [2][]string
	for i, name := range []string{"compact.journal", "wide.journal"} {
		fl, err := journal.Follow([]string{unpack(t, name)}, programs)
		must(t, err)
		defer fl.Close()
		if got, _ := lines(t, fl); len(got) != 0 {
			t.Errorf("%s: what was there before is told: %q", name, got)
		}
		fl.Rewind()
		var lost journal.Lost
		if both[i], lost = lines(t, fl); lost != (journal.Lost{}) {
			t.Errorf("%s: lost %+v", name, lost)
		}
	}
	if diff := cmp.Diff(both[0], both[1]); diff != "" {
		t.Errorf("the layouts differ:\n%s", diff)
	}
	all := strings.Join(both[0], "\n")
	for _, want := range []string{
		"11:15:00 sshd[67]: Accepted publickey for alice from 127.0.0.1 port 43376 ssh2: ED25519 SHA256:lBbfgNpZw+1C1ceeHz4jCd0E4cRWYdR7K0frBT3v+f4",
		"11:15:02 sshd[86]: Accepted password for alice from 127.0.0.1 port 43386 ssh2",
		"11:15:04 sshd[96]: Failed password for alice from 127.0.0.1 port 43394 ssh2",
		"11:15:07 sshd[100]: Failed password for invalid user root from 6.6.6.6 port 22 ssh2 from 127.0.0.1 port 43406 ssh2",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("not told: %s", want)
		}
	}
	for _, forged := range []string{"Accepted password for root", "for carol", "Invalid user AAAA"} {
		if strings.Contains(all, forged) {
			t.Errorf("told as root's: %s", forged)
		}
	}
	if len(both[0]) != 42 {
		t.Errorf("%d messages:\n%s", len(both[0]), all)
	}
}

// writer is a real writer of journals, fed entry by entry.
type writer struct {
	in  io.WriteCloser
	cmd *exec.Cmd
	n   int
}

func startWriter(t *testing.T, path string) *writer {
	t.Helper()
	tool := "/lib/systemd/systemd-journal-remote"
	if _, err := os.Stat(tool); err != nil {
		testneed.Missing(t, "needs systemd-journal-remote: apt-get install systemd-journal-remote")
	}
	cmd := exec.Command(tool, "-o", path, "-")
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	w := &writer{in: in, cmd: cmd}
	t.Cleanup(w.end)
	return w
}

func (w *writer) end() {
	w.in.Close()
	w.cmd.Wait()
}

func (w *writer) write(t *testing.T, uid int, comm, message string) {
	t.Helper()
	w.n++
	_, err := fmt.Fprintf(w.in, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=f1a0d504de0146d085a017d952aa4dc1\n_UID=%d\n_COMM=%s\nSYSLOG_IDENTIFIER=sshd\n_PID=%d\nMESSAGE=%s\n\n",
		time.Now().UnixMicro(), w.n, uid, comm, 100+w.n, message)
	must(t, err)
}

// wait polls until a message comes.
func wait(t *testing.T, fl *journal.Follower, want string) (all []string, lost journal.Lost) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		l, _, err := fl.Poll(1000, func(e journal.Entry) { all = append(all, e.Message) })
		must(t, err)
		lost.Malformed += l.Malformed
		lost.Packed += l.Packed
		lost.Files += l.Files
		if len(all) > 0 && all[len(all)-1] == want {
			return all, lost
		}
	}
	t.Fatalf("%q did not come; these did: %q", want, all)
	return nil, lost
}

// TestFollowsAWriter follows a journal while systemd's own code appends to it,
// and through its rotation.
func TestFollowsAWriter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "system.journal")
	w := startWriter(t, path)
	w.write(t, 0, "sshd", "before")
	var fl *journal.Follower
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var err error
		if fl, err = journal.Follow([]string{dir}, programs); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	defer fl.Close()
	for i := range 200 {
		w.write(t, 0, "sshd", fmt.Sprintf("message %d", i))
		w.write(t, 1000, "sshd", "by somebody")
		w.write(t, 0, "logger", "by another program")
	}
	w.write(t, 0, "sshd", strings.Repeat("long ", 1000))
	w.write(t, 0, "sshd", "last of the first")
	all, lost := wait(t, fl, "last of the first")
	if all[0] == "before" { // written after the file was opened
		all = all[1:]
	}
	if len(all) != 201 || all[0] != "message 0" || lost != (journal.Lost{Packed: 1}) {
		t.Errorf("%d messages from %q on, lost %+v", len(all), all[0], lost)
	}

	w.write(t, 0, "sshd", "between")
	w.end()
	must(t, os.Rename(path, filepath.Join(dir, "system@x.journal")))
	w = startWriter(t, path)
	w.write(t, 0, "sshd", "first of the second")
	if all, _ := wait(t, fl, "first of the second"); len(all) != 2 || all[0] != "between" {
		t.Errorf("through the rotation came %q", all)
	}
}

func TestMovesFromMemoryToDisk(t *testing.T) {
	disk, memory := t.TempDir(), unpack(t, "compact.journal")
	fl, err := journal.Follow([]string{disk, memory}, programs)
	must(t, err)
	defer fl.Close()
	// The same entries in another file, as journald writes them at a flush.
	must(t, os.Rename(filepath.Join(unpack(t, "wide.journal"), "system.journal"), filepath.Join(disk, "system.journal")))
	if got, lost := lines(t, fl); len(got) != 0 || lost != (journal.Lost{}) {
		t.Errorf("told again: %q, lost %+v", got, lost)
	}
	if want := filepath.Join(disk, "system.journal"); fl.Path() != want {
		t.Errorf("it follows %s, not %s", fl.Path(), want)
	}
}

// TestLeftOver finds a journal on disk that nobody writes to any more: the
// settings have changed, and the one in memory counts.
func TestLeftOver(t *testing.T) {
	disk, memory := unpack(t, "wide.journal"), t.TempDir()
	w := startWriter(t, filepath.Join(memory, "system.journal"))
	w.write(t, 0, "sshd", "first")
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		fl, err := journal.Follow([]string{disk, memory}, programs)
		must(t, err)
		path := fl.Path()
		fl.Close()
		if path == filepath.Join(memory, "system.journal") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it follows %s", path)
		}
	}
}

func TestWhereThereIsNone(t *testing.T) {
	if _, err := journal.Follow([]string{t.TempDir()}, programs); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "system.journal"), make([]byte, 4096), 0o600))
	if _, err := journal.Follow([]string{dir}, programs); !errors.Is(err, journal.ErrMalformed) {
		t.Errorf("zeros: %v", err)
	}
}

// FuzzJournal follows a damaged journal. It ends, gives only what may count,
// and never more than is there.
func FuzzJournal(f *testing.F) {
	for _, name := range []string{"compact.journal", "wide.journal"} {
		data, err := os.ReadFile(filepath.Join(unpack(f, name), "system.journal"))
		must(f, err)
		f.Add(data[:64<<10], uint16(200), byte(1))
		f.Add(data[:512], uint16(152), byte(0xff))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16, flip byte) {
		if int(at) < len(data) {
			data[at] ^= flip
		}
		path := filepath.Join(t.TempDir(), "system.journal")
		must(t, os.WriteFile(path, data, 0o600))
		in, err := os.Open(path)
		must(t, err)
		defer in.Close()
		fl, err := journal.Open(in, programs)
		if err != nil {
			return
		}
		for range 50 {
			n := 0
			_, more, err := fl.Poll(100, func(e journal.Entry) {
				if n++; len(e.Message) > 9<<10 || (e.Program != "sshd" && e.Program != "sudo" && e.Program != "su") {
					t.Fatalf("%+v", e)
				}
			})
			if n > 100 {
				t.Fatalf("%d entries of 100", n)
			}
			if err != nil || !more {
				return
			}
		}
	})
}
