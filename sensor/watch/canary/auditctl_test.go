//go:build linux

package canary_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
)

// auditctl speaks to the kernel's audit as auditctl(8) does.
type auditctl struct{ fd int }

// Messages and fields of linux/audit.h.
const (
	auditGet, auditSet           = 1000, 1001
	auditAddRule, auditDelRule   = 1011, 1012
	auditWatch, auditPerm        = 105, 106
	auditFilterKey               = 210
	auditEqual                   = 0x40000000
	auditExit, auditAlways       = 4, 2
	permWrite, permRead, permAtt = 2, 4, 8
)

// auditing turns the audit on with a rule for each path, and puts everything
// back in the end.
func auditing(t testing.TB, paths ...string) *auditctl {
	t.Helper()
	testneed.Root(t)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_AUDIT)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	a := &auditctl{fd}
	status, err := a.ask(auditGet, nil)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ECONNREFUSED) {
		t.Logf("no audit here: %v", err)
		testneed.Missing(t, "needs the kernel's audit, which only the initial namespaces have")
	}
	must(t, err)
	if enabled := binary.NativeEndian.Uint32(status[4:]); enabled == 0 {
		must(t, a.enable(1))
		t.Cleanup(func() {
			if err := a.enable(0); err != nil {
				t.Errorf("turning the audit off again: %v", err)
			}
		})
	}
	for _, p := range paths {
		a.add(t, p)
	}
	return a
}

func (a *auditctl) add(t testing.TB, path string) {
	t.Helper()
	if _, err := a.ask(auditAddRule, rule(path)); err != nil {
		t.Fatalf("adding audit rule for %q: %v", path, err)
	}
	t.Cleanup(func() {
		if err := a.remove(path); err != nil && !errors.Is(err, unix.ENOENT) { // it goes with its folder
			t.Errorf("removing audit rule for %q: %v", path, err)
		}
	})
}

func (a *auditctl) remove(path string) error {
	_, err := a.ask(auditDelRule, rule(path))
	return err
}

func (a *auditctl) enable(on uint32) error {
	_, err := a.ask(auditSet, words(1, on, 0, 0, 0, 0, 0, 0, 0, 0)) // mask, enabled
	return err
}

// rule is -a always,exit -F path=PATH -F perm=rwa -k picket as an
// audit_rule_data: three words, four tables of 64, the length of what follows.
func rule(path string) []byte {
	const key = "picket"
	var mask, fields, values, flags [64]uint32
	for i := range mask {
		mask[i] = 1<<32 - 1
	}
	fields[0], values[0] = auditWatch, uint32(len(path))
	fields[1], values[1] = auditPerm, permWrite|permRead|permAtt
	fields[2], values[2] = auditFilterKey, uint32(len(key))
	flags[0], flags[1], flags[2] = auditEqual, auditEqual, auditEqual
	b := words(auditExit, auditAlways, 3)
	for _, table := range [][64]uint32{mask, fields, values, flags} {
		b = append(b, words(table[:]...)...)
	}
	b = append(b, words(uint32(len(path)+len(key)))...)
	return append(append(b, path...), key...)
}

func words(all ...uint32) []byte {
	var b []byte
	for _, w := range all {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

// ask sends a message and returns the answer; of a change there is none but
// that it was made.
func (a *auditctl) ask(kind uint16, body []byte) ([]byte, error) {
	const request, acknowledge = 1, 4
	msg := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	msg = binary.NativeEndian.AppendUint16(msg, kind)
	if kind == auditGet {
		msg = binary.NativeEndian.AppendUint16(msg, request)
	} else {
		msg = binary.NativeEndian.AppendUint16(msg, request|acknowledge)
	}
	msg = append(append(msg, words(1, 0)...), body...)
	if err := unix.Sendto(a.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	buf := make([]byte, 16<<10)
	n, _, err := unix.Recvfrom(a.fd, buf, 0)
	if err != nil {
		return nil, err
	}
	if binary.NativeEndian.Uint16(buf[4:]) == unix.NLMSG_ERROR {
		if code := int32(binary.NativeEndian.Uint32(buf[16:])); code != 0 {
			return nil, unix.Errno(-code)
		}
	}
	return buf[16:n], nil
}
