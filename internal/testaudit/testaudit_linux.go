//go:build linux

package testaudit

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
)

// Control speaks to the kernel's audit as auditctl(8) does.
type Control struct{ fd int }

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

// On turns the audit on with a rule for each path, and puts everything back
// when the test ends. It needs root and the initial namespaces.
func On(t testing.TB, paths ...string) *Control {
	t.Helper()
	testneed.Root(t)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_AUDIT)
	if err != nil {
		t.Fatalf("opening audit: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	a := &Control{fd}
	status, err := a.ask(auditGet, nil)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ECONNREFUSED) {
		t.Logf("no audit here: %v", err)
		testneed.Missing(t, "needs the kernel's audit, which only the initial namespaces have")
	}
	if err != nil {
		t.Fatalf("asking audit for its state: %v", err)
	}
	if enabled := binary.NativeEndian.Uint32(status[4:]); enabled == 0 {
		if err := a.enable(1); err != nil {
			t.Fatalf("turning the audit on: %v", err)
		}
		t.Cleanup(func() {
			if err := a.enable(0); err != nil {
				t.Errorf("turning the audit off again: %v", err)
			}
		})
	}
	for _, p := range paths {
		a.Add(t, p)
	}
	return a
}

// Add adds a rule for a path, whose folder must be there.
func (a *Control) Add(t testing.TB, path string) {
	t.Helper()
	if _, err := a.ask(auditAddRule, rule(path)); err != nil {
		t.Fatalf("adding audit rule for %q: %v", path, err)
	}
	t.Cleanup(func() {
		if err := a.Remove(path); err != nil && !errors.Is(err, unix.ENOENT) { // it goes with its folder
			t.Errorf("removing audit rule for %q: %v", path, err)
		}
	})
}

// Remove takes the rule for a path away.
func (a *Control) Remove(path string) error {
	_, err := a.ask(auditDelRule, rule(path))
	return err
}

func (a *Control) enable(on uint32) error {
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
func (a *Control) ask(kind uint16, body []byte) ([]byte, error) {
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
