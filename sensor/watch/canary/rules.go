package canary

import (
	"path/filepath"
	"strings"
)

// RuleKey marks the audit rules that are Picket's.
const RuleKey = "picket"

// AuditRules are the lines for a file below /etc/audit/rules.d, one for each
// path, that make the kernel's audit tell who touches it: reads, writes and
// changes of attributes. augenrules --load loads them; each line after
// auditctl is the same by hand. A rule holds for a file that is made later,
// too, as long as its folder is there. auditctl(8) knows no quoting: a path
// with a space or a control character, a quote or a backslash cannot be in a
// rule and is left out. A rule for a whole folder (-F dir=) would tell of every
// other file in it, too, so there is one a file.
func AuditRules(paths []string) []string {
	var lines []string
	for _, p := range paths {
		odd := strings.IndexFunc(p, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '"' || r == '\'' || r == '\\' || r == 0xfffd })
		if odd >= 0 || !filepath.IsAbs(p) {
			continue
		}
		lines = append(lines, "-a always,exit -F path="+filepath.Clean(p)+" -F perm=rwa -k "+RuleKey)
	}
	return lines
}
