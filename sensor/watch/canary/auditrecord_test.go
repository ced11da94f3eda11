//go:build linux

package canary_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/canary"
)

const stamp = "audit(1700000000.123:42): "

func parseAudit(t *testing.T, kind uint16, text string) canary.AuditRecord {
	t.Helper()
	r, err := canary.ParseAudit(kind, []byte(text))
	must(t, err)
	return r
}

func TestParseAudit(t *testing.T) {
	at := time.UnixMilli(1700000000123).UTC()
	for _, c := range []struct {
		text string
		want canary.AuditRecord
	}{
		{stamp + `arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c items=1 ppid=6 pid=7 auid=1000 uid=33 gid=34 euid=35 suid=1 egid=36 tty=(none) comm="c" exe="/usr/bin/cat" key="picket"`,
			canary.AuditRecord{Kind: canary.AuditSyscall, Arch: 0xc000003e, Syscall: 257, Success: "no", Exit: "-13", Items: 1, PPID: 6, PID: 7, Login: 1000, UID: 33, GID: 34, EUID: 35, EGID: 36, Comm: "c", Executable: "/usr/bin/cat"}},
		{stamp + `item=0 name=2F610A22207069643D31 inode=18446744073709551615 dev=fd:12 nametype=NORMAL`,
			canary.AuditRecord{Kind: canary.AuditPath, Name: "/a\n\" pid=1", Inode: 1<<64 - 1, Device: unix.Mkdev(0xfd, 0x12), NameType: "NORMAL"}},
		{stamp + `item=1 name=(null) inode=5 dev=00:2a nametype=PARENT`,
			canary.AuditRecord{Kind: canary.AuditPath, Inode: 5, Device: unix.Mkdev(0, 0x2a), NameType: "PARENT"}},
		{stamp + `cwd="/root" cwd="/forged"`, canary.AuditRecord{Kind: canary.AuditCwd, WorkingDir: "/root"}},
		{stamp + `proctitle=63617400780A`, canary.AuditRecord{Kind: canary.AuditProctitle, Title: "cat\x00x\n"}},
		{"audit(1700000000.123:42): ", canary.AuditRecord{Kind: canary.AuditEnd}},
		// What is in quotes is no field, though the kernel would not write it so.
		{stamp + `comm="x pid=1 uid=0" pid=7 uid=33`, canary.AuditRecord{Kind: canary.AuditSyscall, Comm: "x pid=1 uid=0", PID: 7, UID: 33}},
	} {
		c.want.Time, c.want.Serial = at, 42
		if diff := cmp.Diff(c.want, parseAudit(t, c.want.Kind, c.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
	for _, text := range []string{
		"", "audit", "audit(1:2): x=1", "audit(1.5): x", stamp[1:] + "pid=1", stamp + "pid=-1", stamp + "pid=99999999999", stamp + "pid=",
		stamp + `comm="open`, stamp + `comm="a"b"`, stamp + "comm=xyz", stamp + strings.Repeat("a", 20<<10),
	} {
		if r, err := canary.ParseAudit(canary.AuditSyscall, []byte(text)); err == nil {
			t.Errorf("%.60q is taken as %+v", text, r)
		}
	}
}

// TestAuditEvents: records that are interleaved, out of order or missing.
func TestAuditEvents(t *testing.T) {
	now := time.Unix(1700000000, 0)
	record := func(serial uint64, kind uint16) canary.AuditRecord {
		return canary.AuditRecord{Kind: kind, Serial: serial, Items: 1, PID: uint32(serial), Name: "n", WorkingDir: "/w"}
	}
	t.Run("interleaved", func(t *testing.T) {
		var e canary.AuditEvents
		for _, r := range []canary.AuditRecord{
			record(1, canary.AuditSyscall), record(2, canary.AuditPath), record(1, canary.AuditCwd), record(2, canary.AuditSyscall), record(1, canary.AuditPath),
		} {
			if got := e.Add(r, now); got != nil {
				t.Fatalf("ended by %+v", r)
			}
		}
		two, one := e.Add(record(2, canary.AuditEnd), now), e.Add(record(1, canary.AuditEnd), now)
		if one.PID != 1 || one.WorkingDir != "/w" || len(one.Paths) != 1 || two.PID != 2 || len(two.Paths) != 1 || e.Lost != 0 || e.Waiting() {
			t.Errorf("%+v and %+v, lost %d", one, two, e.Lost)
		}
	})
	t.Run("no end", func(t *testing.T) {
		var e canary.AuditEvents
		e.Add(record(1, canary.AuditSyscall), now)
		e.Add(record(1, canary.AuditPath), now)
		if got := e.Overdue(now); got != nil {
			t.Error("given up at once")
		}
		if got := e.Overdue(now.Add(time.Second)); got == nil || got.PID != 1 || e.Lost != 1 {
			t.Errorf("%+v, lost %d", got, e.Lost)
		}
	})
	t.Run("a file is missing", func(t *testing.T) {
		var e canary.AuditEvents
		e.Add(record(1, canary.AuditSyscall), now)
		if got := e.Add(record(1, canary.AuditEnd), now); got == nil || e.Lost != 1 {
			t.Errorf("%+v, lost %d", got, e.Lost)
		}
	})
	t.Run("numbers are missing", func(t *testing.T) {
		var e canary.AuditEvents
		for _, n := range []uint64{10, 15, 12} {
			e.Add(record(n, canary.AuditEnd), now)
		}
		e.Overdue(now.Add(time.Second))
		if e.Lost != 3 { // 11, 13, 14
			t.Errorf("lost %d, want 3", e.Lost)
		}
	})
}

func TestAuditRules(t *testing.T) {
	got := canary.AuditRules([]string{"/root/.aws/credentials", "relative", "/with space", "/with\nnewline -k other", "/caf\u00e9", "/a/../b"})
	want := []string{
		"-a always,exit -F path=/root/.aws/credentials -F perm=rwa -k picket",
		"-a always,exit -F path=/caf\u00e9 -F perm=rwa -k picket",
		"-a always,exit -F path=/b -F perm=rwa -k picket",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
