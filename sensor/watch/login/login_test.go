//go:build linux

package login_test

import (
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/login"
)

const (
	user = 7
	dead = 8
)

func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRecordLayouts(t *testing.T) {
	for _, size := range []int{login.Size32, login.Size64} {
		for _, from := range []string{"10.0.4.7", "2001:db8::7"} {
			want := login.Record{
				Kind: user, PID: 4211, Line: "pts/0", User: strings.Repeat("u", 32), Host: from,
				Time: time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC), Address: netip.MustParseAddr(from),
			}
			got, ok := login.ParseRecord([]byte(record(size, want)))
			if !ok || got != want {
				t.Errorf("%d bytes: %+v, want %+v", size, got, want)
			}
		}
	}
	if _, ok := login.ParseRecord(make([]byte, 383)); ok {
		t.Error("383 bytes are a record")
	}
}

// TestLayoutIsTheSystems has last(1) read what the other tests write.
func TestLayoutIsTheSystems(t *testing.T) {
	last := testneed.Command(t, "last", "apt-get install util-linux-extra, or util-linux")
	h := newHost(t)
	h.append("var/log/wtmp", h.own(user, 4211, "pts/7", "alice", "10.0.4.7"))
	out, err := exec.Command(last, "-i", "-f", h.path("var/log/wtmp")).CombinedOutput()
	must(t, err)
	fields := strings.Fields(string(out))
	if len(fields) < 3 || fields[0] != "alice" || fields[1] != "pts/7" || fields[2] != "10.0.4.7" {
		t.Errorf("last reads %q", out)
	}
}

func TestSessions(t *testing.T) {
	h := newHost(t)
	h.write("run/utmp", h.own(2, 0, "~", "reboot", "6.1")+h.own(user, 10, "tty1", "root", "")+h.own(6, 11, "tty2", "LOGIN", ""))
	h.write("var/log/wtmp", h.own(user, 9, "pts/9", "past", ""))
	h.write("var/log/auth.log", "")
	r, s := h.begin()
	check(t, s.take(), "utmp seen root success tty1 10")

	// As sshd does it: utmp first, then wtmp. It is told once.
	h.append("run/utmp", h.own(user, 20, "pts/0", "alice", "10.0.4.7"))
	h.append("var/log/wtmp", h.own(user, 20, "pts/0", "alice", "10.0.4.7"))
	r.Look()
	check(t, s.take(), "utmp added alice success pts/0 10.0.4.7 20")

	// As a server of files does it: in wtmp alone, in two halves.
	rec := h.own(user, 30, "ftp30", "bob", "2001:db8::1")
	h.append("var/log/wtmp", rec[:100])
	r.Look()
	check(t, s.take())
	h.append("var/log/wtmp", rec[100:])
	r.Look()
	check(t, s.take(), "wtmp added bob success ftp30 2001:db8::1 30")

	h.write("run/utmp", h.own(user, 10, "tty1", "root", "")+h.own(dead, 20, "pts/0", "", ""))
	h.append("var/log/wtmp", h.own(dead, 20, "pts/0", "", "")+h.own(dead, 0, "ftp30", "", ""))
	r.Look()
	check(t, s.take(), "utmp removed alice pts/0 10.0.4.7 20", "wtmp removed bob ftp30 2001:db8::1 30")
}

func TestRefusals(t *testing.T) {
	h := newHost(t)
	h.write("var/log/btmp", "")
	r, s := h.begin()
	s.take()
	h.append("var/log/btmp", h.own(user, 5, "tty1", "mallory", "")+h.own(6, 6, "ssh:notty", "root", "10.9.9.9"))
	r.Look()
	check(t, s.take(), "btmp changed mallory failure tty1 5", "btmp changed root failure ssh:notty 10.9.9.9 6")

	// Where sshd itself is heard, it is not told twice.
	h.write("var/log/auth.log", "")
	r.Look()
	s.take()
	h.append("var/log/auth.log", line(6, "Failed password for root from 10.9.9.9 port 5 ssh2"))
	h.append("var/log/btmp", h.own(6, 6, "ssh:notty", "root", "10.9.9.9"))
	r.Look()
	check(t, s.take(), "/var/log/auth.log changed root failure password sshd 10.9.9.9 6")
}

func TestLog(t *testing.T) {
	h := newHost(t)
	h.write("var/log/auth.log", line(1, "Accepted password for past from 10.1.1.1 port 1 ssh2"))
	r, s := h.begin()
	check(t, s.take())
	h.append("var/log/auth.log", line(2, "Accepted password for alice from 10.1.1.1 port 1 ssh2")+"not a line\n"+
		line(3, "Invalid user x from 10.1.1.1 port 2")+line(3, "Connection closed by invalid user x 10.1.1.1 port 2 [preauth]")+
		line(4, "Failed password for bob from 10.1.1.1 port 3 ssh2")+line(4, "Connection closed by authenticating user bob 10.1.1.1 port 3 [preauth]")+
		line(5, "Connection closed by authenticating user bob 10.1.1.1 port 4 [preauth]")+
		line(2, "pam_unix(sshd:session): session closed for user alice")+"May  6 07:08:09 vm sshd[9]: Accepted pass")
	r.Look()
	check(t, s.take(),
		"/var/log/auth.log added alice success password sshd 10.1.1.1 2",
		"/var/log/auth.log changed x failure sshd 10.1.1.1 3",
		"/var/log/auth.log changed bob failure password sshd 10.1.1.1 4",
		"/var/log/auth.log changed bob failure sshd 10.1.1.1 5",
		"/var/log/auth.log removed alice sshd 2")
	h.append("var/log/auth.log", "word for carol from 10.1.1.1 port 5 ssh2\n")
	r.Look()
	check(t, s.take(), "/var/log/auth.log added carol success password sshd 10.1.1.1 9")
}

func TestLogRotation(t *testing.T) {
	h := newHost(t)
	h.write("var/log/auth.log", strings.Repeat("x\n", 1000))
	r, s := h.begin()
	s.take()
	accepted := func(name string) string {
		return line(1, "Accepted password for "+name+" from 10.1.1.1 port 1 ssh2")
	}
	told := func(name string) string {
		return "/var/log/auth.log added " + name + " success password sshd 10.1.1.1 1"
	}

	// By rename, with words on either side of it.
	h.append("var/log/auth.log", accepted("before")+"half a li")
	must(t, os.Rename(h.path("var/log/auth.log"), h.path("var/log/auth.log.1")))
	r.Look()
	h.append("var/log/auth.log.1", "ne\n"+accepted("late"))
	h.write("var/log/auth.log", accepted("after"))
	r.Look()
	check(t, s.take(), told("before"), told("late"), told("after"))

	// By cutting the file, which may hide what nobody has read.
	h.append("var/log/auth.log", "some more\n"+strings.Repeat("y\n", 100))
	r.Look()
	h.write("var/log/auth.log", accepted("cut"))
	r.Look()
	check(t, s.take(), told("cut"), "loss unreadable 1: /var/log/auth.log was cut: what was written since the last look is gone")
}

func TestLongLines(t *testing.T) {
	h := newHost(t)
	h.write("var/log/secure", "")
	r, s := h.begin()
	s.take()
	h.append("var/log/secure", line(1, "Invalid user "+strings.Repeat("a", 10<<20)+" from 10.1.1.1 port 1")+
		line(2, "Accepted password for alice from 10.1.1.1 port 1 ssh2")+
		line(3, "Invalid user "+strings.Repeat("b", login.MaxLine-100)+" from 10.1.1.1 port 1"))
	r.Look()
	got := s.take()
	if len(got) != 3 || len(got[1]) > 700 {
		t.Fatalf("%d facts: %.2000q", len(got), got)
	}
	got[1] = got[1][:30]
	check(t, got, "/var/log/secure added alice success password sshd 10.1.1.1 2", "/var/log/secure changed bbbbbb",
		"loss malformed 1: lines of /var/log/secure are too long")
}

// TestForgedLines cannot tell what anybody writes to a log from sshd's own
// words; the source says so. A name that forges a second message is one name.
func TestForgedLines(t *testing.T) {
	h := newHost(t)
	h.write("var/log/auth.log", "")
	r, s := h.begin()
	s.take()
	h.append("var/log/auth.log", line(1, "Invalid user x#012May  6 07:08:09 vm sshd[2]: Accepted password for root from 6.6.6.6 port 22 ssh2 from 10.9.9.9 port 5")+
		line(1, "Failed password for invalid user \x1b[31m\xff from 10.9.9.9 port 5 ssh2"))
	r.Look()
	check(t, s.take(),
		"/var/log/auth.log changed x#012May  6 07:08:09 vm sshd[2]: Accepted password for root from 6.6.6.6 port 22 ssh2 failure sshd 10.9.9.9 1",
		"/var/log/auth.log changed \x1b[31m\uFFFD failure password sshd 10.9.9.9 1")
}

func TestOddFiles(t *testing.T) {
	h := newHost(t)
	for _, p := range []string{"run/utmp", "var/log/wtmp", "var/log/btmp", "var/log/auth.log"} {
		must(t, unix.Mkfifo(h.path(p), 0o644))
	}
	r, s := h.begin()
	got := s.take()
	if len(got) != 1 || !strings.HasPrefix(got[0], "degraded") || strings.Count(got[0], "not a regular file") != 4 {
		t.Fatalf("%q", got)
	}
	r.Look()
	check(t, s.take())

	h = newHost(t)
	for _, p := range []string{"run/utmp", "var/log/wtmp", "var/log/auth.log"} {
		h.write(p, "")
	}
	r, s = h.begin()
	s.take()
	for _, p := range []string{"run/utmp", "var/log/wtmp", "var/log/auth.log"} {
		must(t, os.Truncate(h.path(p), 1<<30))
	}
	h.append("var/log/auth.log", "\n"+line(2, "Accepted password for alice from 10.1.1.1 port 1 ssh2"))
	r.Look()
	check(t, s.take(),
		"/var/log/auth.log added alice success password sshd 10.1.1.1 2",
		"degraded  0: not everything that tells of logins can be read: /run/utmp: file too large",
		"loss inventory_cut 1: /run/utmp is larger than the sensor reads",
		"loss inventory_cut 1: /var/log/wtmp grew faster than it is read",
		"loss inventory_cut 1: /var/log/auth.log grew faster than it is read",
		"loss malformed 1: lines of /var/log/auth.log are too long")
}

// TestTellsAtOnce has the kernel call for each look: the collector's own is an
// hour away.
func TestTellsAtOnce(t *testing.T) {
	h := newHost(t)
	h.write("run/utmp", h.own(user, 10, "tty1", "root", ""))
	h.write("var/log/wtmp", "")
	h.write("var/log/auth.log", "")
	s := h.start()
	s.wait(t, "utmp seen root")
	h.append("var/log/auth.log", line(2, "Accepted password for alice from 10.1.1.1 port 1 ssh2"))
	s.wait(t, "/var/log/auth.log added alice")
	h.append("run/utmp", h.own(user, 20, "pts/0", "alice", "10.0.4.7"))
	s.wait(t, "utmp added alice")
	must(t, os.Rename(h.path("var/log/auth.log"), h.path("var/log/auth.log.1")))
	h.write("var/log/auth.log.new", line(2, "Accepted password for bob from 10.1.1.1 port 1 ssh2"))
	must(t, os.Rename(h.path("var/log/auth.log.new"), h.path("var/log/auth.log")))
	s.wait(t, "/var/log/auth.log added bob")
	h.append("var/log/auth.log", line(2, "Accepted password for carol from 10.1.1.1 port 1 ssh2"))
	s.wait(t, "/var/log/auth.log added carol")
}

// FuzzRecord reads a record of utmp. Its names are pieces of it.
func FuzzRecord(f *testing.F) {
	r := login.Record{Kind: user, PID: 1, Line: "pts/0", User: "alice", Host: "::1", Time: time.Unix(1, 0)}
	f.Add([]byte(record(login.Size32, r)))
	f.Add([]byte(record(login.Size64, r)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := login.ParseRecord(data)
		if ok != (len(data) == login.Size32 || len(data) == login.Size64) {
			t.Fatalf("%d bytes: %v", len(data), ok)
		}
		if len(r.User) > 32 || len(r.Line) > 32 || len(r.Host) > 256 || strings.Contains(r.User, "\x00") || r.Time.Year() > 9999 {
			t.Fatalf("%q is %+v", data, r)
		}
	})
}
