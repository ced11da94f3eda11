package fuzz

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"picket.internal/sensor/watch/canary"
)

// FuzzAudit reads records of the kernel's audit and puts them together. What a
// process calls itself comes back as it was, whatever it holds, and changes no
// other field; records in any order are bounded and give each event once.
func FuzzAudit(f *testing.F) {
	const stamp = "audit(1700000000.123:42): "
	f.Add(uint16(canary.AuditSyscall), []byte(stamp+`arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c items=1 ppid=6 pid=7 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm="cat" exe="/usr/bin/cat" subj=unconfined key="picket"`))
	f.Add(uint16(canary.AuditPath), []byte(stamp+`item=0 name=2F746D702F6120622070 inode=12 dev=08:01 mode=0100600 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0`))
	f.Add(uint16(canary.AuditCwd), []byte(stamp+`cwd="/root"`))
	f.Add(uint16(canary.AuditProctitle), []byte(stamp+`proctitle=63617400780A`))
	f.Add(uint16(canary.AuditEnd), []byte(`audit(1700000000.123:42): `))
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		now := time.Unix(1700000000, 0)
		r, err := canary.ParseAudit(kind, data)
		if err == nil && (len(r.Comm) > len(data) || len(r.Name) > len(data)) {
			t.Fatalf("%d bytes gave %+v", len(data), r)
		}
		var events canary.AuditEvents
		given := 0
		for i := range 600 {
			r.Serial = uint64(i%7) * 1000
			if events.Add(r, now) != nil {
				given++
			}
		}
		for e := events.Overdue(now.Add(time.Hour)); e != nil; e = events.Overdue(now.Add(time.Hour)) {
			if given++; len(e.Paths) > 16 {
				t.Fatalf("an event of %d files", len(e.Paths))
			}
		}
		if given > 7 || events.Waiting() || events.Lost < 0 {
			t.Fatalf("%d events of 7 serials, waiting %v, lost %d", given, events.Waiting(), events.Lost)
		}
		if len(data) > 2000 {
			return
		}
		forged := fmt.Sprintf("%scomm=%s pid=7 uid=33 exe=%s", stamp, untrusted(data), untrusted(data))
		r, err = canary.ParseAudit(canary.AuditSyscall, []byte(forged))
		if err != nil || r.PID != 7 || r.UID != 33 || r.Comm != string(data) || r.Executable != string(data) || r.Serial != 42 {
			t.Fatalf("%q came back as %+v, %v", forged, r, err)
		}
	})
}

// untrusted writes text as audit_log_untrustedstring of the kernel does.
func untrusted(text []byte) string {
	for _, b := range text {
		if b == '"' || b < 0x21 || b > 0x7e {
			return hex.EncodeToString(text)
		}
	}
	return `"` + string(text) + `"`
}
