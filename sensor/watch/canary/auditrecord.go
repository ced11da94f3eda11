//go:build linux

package canary

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The kinds of audit records that tell of a file. Source: linux/audit.h.
const (
	AuditSyscall   = 1300 // who did what, and whether it was let
	AuditPath      = 1302 // a file of it, once for each
	AuditCwd       = 1307 // where relative names start
	AuditEnd       = 1320 // the last record of an event
	AuditProctitle = 1327 // the command line, 128 bytes at most
)

// AuditRecord is one record of the kernel's audit. Of its fields those are set
// that its kind has.
type AuditRecord struct {
	Kind   uint16
	Time   time.Time // when the system call began, to the millisecond
	Serial uint64    // the same in all records of an event

	Arch, Syscall    uint32 // AUDIT_ARCH_... of linux/audit.h, and the number in its table
	Success, Exit    string // yes or no; what it returned, as in 3 or -13
	Items            uint32 // how many records of kind AuditPath there are
	PID, PPID        uint32
	Login            uint32 // who logged in; 1<<32-1 where nobody did
	UID, EUID        uint32
	GID, EGID        uint32
	Comm, Executable string // raw bytes

	Name     string // of a file, raw bytes, as it was asked for
	Device   uint64
	Inode    uint64
	NameType string // NORMAL, PARENT, CREATE, DELETE or UNKNOWN

	WorkingDir string // raw bytes
	Title      string // arguments with a NUL between two
}

// maxAuditRecord is more than MAX_AUDIT_MESSAGE_LENGTH of the kernel, 8970.
const maxAuditRecord = 16 << 10

// auditField is where a field goes: a *uint32, a *uint64 or, for text, a
// *string.
type auditField struct {
	name string
	base int // of a number
	into any
}

// fields are those of the record's kind that matter.
func (r *AuditRecord) fields() []auditField {
	switch r.Kind {
	case AuditSyscall:
		return []auditField{
			{"arch", 16, &r.Arch}, {"syscall", 10, &r.Syscall}, {"success", 0, &r.Success}, {"exit", 0, &r.Exit}, {"items", 10, &r.Items},
			{"ppid", 10, &r.PPID}, {"pid", 10, &r.PID}, {"auid", 10, &r.Login}, {"uid", 10, &r.UID}, {"gid", 10, &r.GID},
			{"euid", 10, &r.EUID}, {"egid", 10, &r.EGID}, {"comm", 1, &r.Comm}, {"exe", 1, &r.Executable},
		}
	case AuditPath:
		return []auditField{{"name", 1, &r.Name}, {"inode", 10, &r.Inode}, {"dev", 16, &r.Device}, {"nametype", 0, &r.NameType}}
	case AuditCwd:
		return []auditField{{"cwd", 1, &r.WorkingDir}}
	case AuditProctitle:
		return []auditField{{"proctitle", 1, &r.Title}}
	}
	return nil
}

// ParseAudit reads the text of a record: "audit(SECONDS.MILLIS:SERIAL): " and
// then name=value, with a space between two. A value that whoever is audited
// has chosen comes in double quotes, or in hexadecimal where it holds a space,
// a quote, a control character or what is not ASCII, so that it cannot look
// like a field. Of a name that is there twice the first counts. Source:
// audit_log_untrustedstring in kernel/audit.c.
func ParseAudit(kind uint16, data []byte) (AuditRecord, error) {
	r := AuditRecord{Kind: kind}
	if len(data) > maxAuditRecord {
		return r, fmt.Errorf("malformed audit record of %d bytes: more than %d", len(data), maxAuditRecord)
	}
	rest, ok := bytes.CutPrefix(bytes.TrimRight(data, "\x00\n"), []byte("audit("))
	head, rest, found := bytes.Cut(rest, []byte("):"))
	if !ok || !found || !r.stamp(head) {
		return r, fmt.Errorf("malformed audit record %.80q: no stamp", data)
	}
	fields := r.fields()
	for len(rest) > 0 {
		var text []byte
		text, rest = cutField(rest)
		name, value, _ := bytes.Cut(text, []byte("="))
		for i := range fields {
			if f := &fields[i]; f.name == string(name) {
				if !f.set(value) {
					return r, fmt.Errorf("malformed audit field %.80q", text)
				}
				f.name = "" // the first counts
			}
		}
	}
	return r, nil
}

// cutField cuts off one field: it ends at a space that is not in quotes.
func cutField(data []byte) (field, rest []byte) {
	quoted := false
	for i, b := range data {
		switch {
		case b == '"':
			quoted = !quoted
		case b == ' ' && !quoted:
			return data[:i], data[i+1:]
		}
	}
	return data, nil
}

// stamp reads SECONDS.MILLIS:SERIAL.
func (r *AuditRecord) stamp(text []byte) bool {
	sec, rest, _ := bytes.Cut(text, []byte("."))
	ms, serial, _ := bytes.Cut(rest, []byte(":"))
	var s, m uint64
	ok := number(sec, 10, 40, &s) && number(ms, 10, 10, &m) && number(serial, 10, 64, &r.Serial)
	r.Time = time.UnixMilli(int64(s*1000 + m)).UTC()
	return ok
}

func number(text []byte, base, bits int, into *uint64) (ok bool) {
	n, err := strconv.ParseUint(string(text), base, bits)
	*into = n
	return err == nil
}

func (f *auditField) set(value []byte) (ok bool) {
	var n uint64
	switch into := f.into.(type) {
	case *uint32:
		ok = number(value, f.base, 32, &n)
		*into = uint32(n)
	case *uint64:
		if f.base == 10 {
			return number(value, 10, 64, into)
		}
		major, minor, _ := bytes.Cut(value, []byte(":"))
		var least uint64
		ok = number(major, 16, 32, &n) && number(minor, 16, 32, &least)
		*into = unix.Mkdev(uint32(n), uint32(least))
	case *string:
		if f.base == 0 {
			*into = string(value)
			return true
		}
		*into, ok = auditText(value)
	}
	return ok
}

// auditText reads a value that was chosen by whoever is audited.
func auditText(value []byte) (string, bool) {
	if inner, ok := bytes.CutPrefix(value, []byte(`"`)); ok {
		inner, ok = bytes.CutSuffix(inner, []byte(`"`))
		return string(inner), ok && bytes.IndexByte(inner, '"') < 0
	}
	if len(value) > 0 && value[0] == '(' { // "(null)", "(none)": there is none
		return "", true
	}
	text, err := hex.DecodeString(string(value))
	return string(text), err == nil
}
