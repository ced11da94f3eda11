//go:build linux

package doctor

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
)

// A canary whose name auditctl cannot take is counted, and never put into a
// command line.
func TestOddCanaryGetsNoCommand(t *testing.T) {
	p := newPatient(t)
	p.cfg.Canaries = []string{"/a b", "/x\n-D", "/q\"", "/plain"}
	p.cfg.probes.audit = func() audit { return audit{enabled: true} }
	i := slices.IndexFunc(Run(p.cfg), func(f Finding) bool { return f.Check == "audit_rules" })
	f := Run(p.cfg)[i]
	if f.OK || !strings.Contains(f.Detail, "0 of 4 canaries have an audit rule; 3 have names that no rule can hold") || strings.Count(f.Fix, "auditctl -a") != 1 {
		t.Errorf("%+v", f)
	}
}

func TestCovered(t *testing.T) {
	paths := map[string]bool{"/a/b": true, "/srv/": true}
	for file, want := range map[string]bool{"/a/b": true, "/a/b/c": false, "/srv/x/y": true, "/srvx": false, "/": false} {
		if covered(paths, file) != want {
			t.Errorf("%s: %v", file, !want)
		}
	}
	if !covered(map[string]bool{"/": true}, "/any/where") {
		t.Error("a rule for all covers all")
	}
}

// TestRealAuditRule adds a rule for a canary, as auditctl would, and looks
// whether it is seen.
func TestRealAuditRule(t *testing.T) {
	testneed.Root(t)
	if a := tryAudit(); a.ask != nil {
		testneed.Missing(t, fmt.Sprintf("needs the kernel's audit, which only the initial namespaces have: %v", a.ask))
	}
	path := filepath.Join(t.TempDir(), "canary")
	p := newPatient(t)
	p.cfg.Canaries = []string{path}
	p.cfg.probes.audit = tryAudit
	rules := func() Finding { return *auditRules(&host{Config: p.cfg}) }
	if f := rules(); f.OK {
		t.Fatalf("without a rule: %+v", f)
	}
	change := func(kind uint16) {
		t.Helper()
		fd, err := listen(unix.NETLINK_AUDIT, 0)
		p.must(err)
		defer unix.Close(fd)
		p.must(unix.Sendto(fd, message(kind, unix.NLM_F_REQUEST|unix.NLM_F_ACK, 1, auditRule(path, "other\x01picket")), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
		p.must(receive(fd, func(got uint16, b []byte) bool {
			if got == unix.NLMSG_ERROR {
				if errno := int32(binary.NativeEndian.Uint32(b)); errno != 0 {
					t.Fatal(unix.Errno(-errno))
				}
			}
			return got == unix.NLMSG_ERROR
		}))
	}
	change(1011) // AUDIT_ADD_RULE
	if f := rules(); !f.OK {
		t.Errorf("with a rule: %+v", f)
	}
	change(1012) // AUDIT_DEL_RULE
	if f := rules(); f.OK {
		t.Errorf("without a rule again: %+v", f)
	}
}

// auditRule is -a always,exit -F path=PATH -F perm=rwa -k KEY.
func auditRule(path, key string) []byte {
	var mask, fields, values, flags [64]uint32
	for i := range mask {
		mask[i] = 1<<32 - 1
	}
	fields[0], values[0] = auditWatch, uint32(len(path))
	fields[1], values[1] = 106, 2|4|8 // AUDIT_PERM: write, read, attributes
	fields[2], values[2] = auditKey, uint32(len(key))
	flags[0], flags[1], flags[2] = 0x40000000, 0x40000000, 0x40000000 // AUDIT_EQUAL
	var b []byte
	for _, w := range [][]uint32{{4, 2, 3}, mask[:], fields[:], values[:], flags[:], {uint32(len(path) + len(key))}} {
		for _, v := range w {
			b = binary.NativeEndian.AppendUint32(b, v)
		}
	}
	return append(append(b, path...), key...)
}

func TestParseAuditRule(t *testing.T) {
	whole := auditRule("/a/b", "picket")
	if watched, ours := ParseAuditRule(whole); watched != "/a/b" || !ours {
		t.Errorf("%q, %v", watched, ours)
	}
	if watched, ours := ParseAuditRule(auditRule("/a/b", "pickets")); watched != "/a/b" || ours {
		t.Errorf("another's rule: %q, %v", watched, ours)
	}
	for n := range whole {
		if watched, ours := ParseAuditRule(whole[:n]); watched != "" || ours {
			t.Fatalf("cut to %d bytes: %q, %v", n, watched, ours)
		}
	}
}
