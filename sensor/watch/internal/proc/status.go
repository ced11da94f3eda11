//go:build linux

package proc

import (
	"bytes"
	"fmt"
	"math/bits"
	"strconv"
)

// maxGroups is how many supplementary groups are kept.
const maxGroups = 64

// Caps are sets of Linux capabilities, bit by number. Source: capabilities(7).
type Caps struct{ Effective, Permitted, Ambient uint64 }

// Status is what the sensor needs of proc_pid_status(5).
type Status struct {
	IDs
	Caps   Caps
	Groups []uint32 // supplementary, the first maxGroups
}

// ParseStatus reads proc_pid_status(5). What an old kernel does not have, as
// ambient capabilities, is empty; what does not parse besides the owners too.
func ParseStatus(data []byte) (Status, error) {
	ids, err := ParseIDs(data)
	if err != nil {
		return Status{}, err
	}
	s := Status{IDs: ids}
	for field := range bytes.FieldsSeq(statusLine(data, "Groups")) {
		if n, ok := ParseUint(field); ok && n < 1<<32 && len(s.Groups) < maxGroups {
			s.Groups = append(s.Groups, uint32(n))
		}
	}
	s.Caps.Effective = parseHex(statusLine(data, "CapEff"))
	s.Caps.Permitted = parseHex(statusLine(data, "CapPrm"))
	s.Caps.Ambient = parseHex(statusLine(data, "CapAmb"))
	return s, nil
}

// statusLine is what stands behind a name, which no process can forge: the
// kernel escapes newlines in the only line that is a process's own.
func statusLine(data []byte, name string) []byte {
	_, rest, _ := bytes.Cut(data, []byte("\n"+name+":"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return bytes.TrimSpace(line)
}

// parseHex is 0 for what is not up to 16 hexadecimal digits.
func parseHex(b []byte) uint64 {
	n, err := strconv.ParseUint(string(b), 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// capNames are the capabilities by number, without CAP_. Source:
// linux/capability.h of Linux 6.18, which adds none since 5.9.
var capNames = [...]string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
	"SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// CapNames names the capabilities of a set, as in "CAP_NET_ADMIN"; "ALL" alone
// where every one up to last is in it; nil for none.
func CapNames(set uint64, last int) []string {
	if set == 0 {
		return nil
	}
	if all := uint64(1)<<(last+1) - 1; set&all == all {
		return []string{"ALL"}
	}
	return CapList(set)
}

// CapList names each capability of a set; nil for none. One that the sensor has
// no name for is CAP_ and its number.
func CapList(set uint64) []string {
	if set == 0 {
		return nil
	}
	names := make([]string, 0, bits.OnesCount64(set))
	for ; set != 0; set &= set - 1 {
		n := bits.TrailingZeros64(set)
		if n < len(capNames) {
			names = append(names, "CAP_"+capNames[n])
		} else {
			names = append(names, fmt.Sprint("CAP_", n))
		}
	}
	return names
}

// LastCap is the highest capability that the kernel knows. Source:
// proc_sys_kernel(5) cap_last_cap.
func (fs *FS) LastCap() int {
	fs.lastCap.Do(func() {
		fs.last = len(capNames) - 1
		var buf [16]byte
		n, err := fs.file(fs.fd, "sys/kernel/cap_last_cap", buf[:])
		if last, ok := ParseUint(bytes.TrimSpace(buf[:n])); err == nil && ok && last < 63 {
			fs.last = int(last)
		}
	})
	return fs.last
}

// Status reads who the process is and what it may do.
func (d *Dir) Status() (Status, error) {
	buf := make([]byte, 4096)
	n, err := d.fs.short(d.fd, "status", buf)
	if err == nil && n == len(buf) { // some hundreds of groups
		buf = make([]byte, 64<<10)
		n, err = d.fs.short(d.fd, "status", buf)
	}
	if err != nil {
		return Status{}, gone(err)
	}
	return ParseStatus(buf[:n])
}

// login is the user whose login led to the process, which a change of user
// leaves as it is. Source: proc_pid_loginuid(5); not there without CONFIG_AUDIT.
func (d *Dir) login() (id uint32, ok bool) {
	var buf [16]byte
	n, err := d.fs.short(d.fd, "loginuid", buf[:])
	if err != nil {
		return 0, false
	}
	return parseLogin(buf[:n])
}

// parseLogin reads proc_pid_loginuid(5), where the highest number is nobody.
func parseLogin(data []byte) (id uint32, ok bool) {
	n, ok := ParseUint(bytes.TrimSpace(data))
	return uint32(n), ok && n < 1<<32-1
}
