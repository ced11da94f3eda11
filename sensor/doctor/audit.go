//go:build linux

package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/canary"
)

// audit is what the kernel's audit says of itself.
type audit struct {
	join    error           // why the records cannot be read
	ask     error           // why it may not be asked
	enabled bool            // it is on
	paths   map[string]bool // that rules with Picket's key watch; a folder ends in a slash
}

// Of linux/audit.h.
const (
	auditGet       = 1000
	auditListRules = 1013
	auditReadlog   = 1 // the multicast group of all records
	auditWatch     = 105
	auditDir       = 107
	auditExe       = 112
	auditKey       = 210
	auditTables    = 4 * (3 + 4*64) // flags, action, count; mask, fields, values, flags of fields
)

// tryAudit joins the group of audit records, and asks for the state and rules.
func tryAudit() (a audit) {
	a.paths = make(map[string]bool)
	fd, err := listen(unix.NETLINK_AUDIT, auditReadlog)
	if a.join = err; err == nil {
		unix.Close(fd)
	}
	if fd, a.ask = listen(unix.NETLINK_AUDIT, 0); a.ask != nil {
		return a
	}
	defer unix.Close(fd)
	a.ask = query(fd, auditGet, func(b []byte) {
		a.enabled = len(b) >= 8 && binary.NativeEndian.Uint32(b[4:]) != 0
	})
	if a.ask == nil {
		a.ask = query(fd, auditListRules, func(b []byte) {
			if p, ours := ParseAuditRule(b); ours && p != "" {
				a.paths[p] = true
			}
		})
	}
	return a
}

// query asks one thing and hands out the answers to it.
func query(fd int, kind uint16, take func([]byte)) error {
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(fd, message(kind, unix.NLM_F_REQUEST|unix.NLM_F_ACK, uint32(kind), nil), 0, to); err != nil {
		return err
	}
	acked, answered := false, false
	var refused error
	err := receive(fd, func(got uint16, b []byte) bool {
		switch {
		case got == unix.NLMSG_ERROR && len(b) >= 4:
			if errno := int32(binary.NativeEndian.Uint32(b)); errno != 0 {
				refused = unix.Errno(-errno)
				return true
			}
			acked = true
		case got == unix.NLMSG_DONE:
			answered = true
		case got == kind:
			take(b)
			answered = kind == auditGet
		}
		return acked && answered
	})
	return errors.Join(refused, err)
}

// ParseAuditRule reads a struct audit_rule_data of linux/audit.h. ours says
// that its key is Picket's; path is the file that it watches, or the folder,
// which then ends in a slash.
func ParseAuditRule(b []byte) (watched string, ours bool) {
	if len(b) < auditTables+4 {
		return "", false
	}
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }
	text := b[auditTables+4:]
	for i := range min(int(word(2)), 64) {
		field, size := word(3+64+i), word(3+128+i)
		switch {
		case field == auditWatch, field == auditDir, field == auditExe, field == auditKey, 13 <= field && field <= 23 && field != 18:
		default:
			continue // a number, and not a text
		}
		if uint64(size) > uint64(len(text)) {
			return "", false
		}
		value := string(text[:size])
		text = text[size:]
		switch field {
		case auditWatch:
			watched = value
		case auditDir:
			watched = strings.TrimSuffix(value, "/") + "/"
		case auditKey:
			// Several keys of one rule have a byte 1 between them.
			ours = ours || slices.Contains(strings.Split(value, "\x01"), canary.RuleKey)
		}
	}
	return watched, ours
}

func (h *host) asked() audit { return h.probes.audit() }

func auditGroup(h *host) *Finding {
	a := h.asked()
	const cost = "who touched a canary is told only where fanotify or a look at open files in time can tell"
	switch {
	case errors.Is(a.join, unix.EPERM):
		return no("audit records may not be read: "+cost, h.grant(unix.CAP_AUDIT_READ, "AUDIT_READ"))
	case a.join != nil:
		return no(fmt.Sprintf("audit records cannot be read (%v): %s", a.join, cost),
			"a kernel with CONFIG_AUDIT, in the host's own namespaces\nunit: RestrictAddressFamilies=AF_UNIX AF_NETLINK")
	case a.ask != nil:
		return yes(fmt.Sprintf("audit records can be read; whether auditing is on may not be asked (%v): run the doctor as root", a.ask))
	case !a.enabled:
		return no("auditing is off: "+cost, "auditctl -e 1\nkernel command line: audit=1")
	}
	return yes("auditing is on, and its records can be read")
}

// auditRules checks that each canary has a rule. Without one the kernel says
// nothing about it.
func auditRules(h *host) *Finding {
	if len(h.Canaries) == 0 {
		return yes("no canaries are configured")
	}
	a := h.asked()
	var lines []string
	odd := 0
	for _, c := range h.Canaries {
		if a.ask == nil && covered(a.paths, path.Clean(c)) {
			continue
		}
		rule := canary.AuditRules([]string{c})
		if len(rule) == 0 {
			odd++ // auditctl(8) knows no quoting
			continue
		}
		lines = append(lines, "auditctl "+rule[0])
	}
	what := fmt.Sprintf("%d of %d canaries have an audit rule", len(h.Canaries)-len(lines)-odd, len(h.Canaries))
	if a.ask != nil {
		what = fmt.Sprintf("which audit rules there are may not be asked (%v): run the doctor as root", a.ask)
	}
	if odd > 0 {
		what += fmt.Sprintf("; %d have names that no rule can hold", odd)
	}
	if len(lines) == 0 {
		return &Finding{OK: odd == 0 && a.ask == nil, Detail: what}
	}
	lines = append(lines, "the same without auditctl, a line each, in /etc/audit/rules.d/60-picket.rules; then augenrules --load")
	return no(what, strings.Join(lines, "\n"))
}

// attribution sums up how the one who touches a canary is found.
func attribution(h *host) *Finding {
	a := h.asked()
	heard := a.join == nil && (a.ask != nil || a.enabled)
	switch {
	case heard && a.ask == nil && len(h.Canaries) > 0 && auditRules(h).OK:
		return yes("the audit says who touches a canary")
	case h.probes.fanotify() == nil:
		return yes("fanotify says who touches a canary")
	case heard:
		return yes("the audit says who touches a canary that has an audit rule")
	}
	return no("who touches a canary is told only where a look at open files comes in time, and else as none", "see audit, audit_rules and fanotify")
}

// covered tells whether a rule watches the file or a folder above it.
func covered(paths map[string]bool, file string) bool {
	if paths[file] {
		return true
	}
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if paths[strings.TrimSuffix(dir, "/")+"/"] {
			return true
		}
		if dir == "/" || dir == "." {
			return false
		}
	}
}
