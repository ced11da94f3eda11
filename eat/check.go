package eat

import (
	"encoding/base32"
	"encoding/base64"
	"net/netip"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// checks holds the first thing that was wrong with a document.
type checks struct {
	kind *Refusal
	err  error
}

func (c *checks) that(ok bool, format string, args ...any) {
	if !ok && c.err == nil {
		c.err = refuse(c.kind, format, args...)
	}
}

// field refuses a member by its name. What it holds is quoted, not much of it.
func (c *checks) field(ok bool, name string, value any) {
	c.that(ok, "%s: malformed %.80q", name, value)
}

func (c *checks) number(name string, n, least, most int64) {
	c.that(n >= least && n <= most, "%s: %d is not within %d and %d", name, n, least, most)
}

func (c *checks) count(name string, n, most int) {
	c.that(n <= most, "%s: %d where %d are allowed", name, n, most)
}

func (c *checks) hash(name, s string) { c.field(ValidSHA256(s), name, s) }

func (c *checks) ulid(name, s string) { c.field(ValidTokenID(s), name, s) }

func (c *checks) boot(name, s string) { c.field(validBoot(s), name, s) }

func (c *checks) time(name string, t time.Time) {
	c.that(!t.IsZero() && t.Location() == time.UTC, "%s: no time in UTC", name)
}

// line is text for people: one line of at most so many bytes.
func (c *checks) line(name, s string, most int) {
	c.field(len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl), name, s)
}

// ValidTokenID reports whether s is a ULID in its one spelling: 26 characters
// of Crockford's base32 in upper case, at most 128 bits
// (https://github.com/ulid/spec).
func ValidTokenID(s string) bool {
	return len(s) == 26 && s[0] <= '7' && strings.Trim(s, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// validID is the form of host and hub ids, as package wire makes them.
func validID(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != 26 {
		return false
	}
	raw, err := idEncoding.DecodeString(rest)
	return err == nil && idEncoding.EncodeToString(raw) == rest
}

// validBoot is the form of /proc/sys/kernel/random/boot_id.
func validBoot(s string) bool {
	return len(s) == 36 && strings.Trim(s, "0123456789abcdef-") == "" &&
		s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' && strings.Count(s, "-") == 4
}

// ValidSHA256 reports whether s is a SHA-256 as it is written everywhere here: 64
// hexadecimal digits in lower case.
func ValidSHA256(s string) bool { return isHex(s, 64) }

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}

// validName is made of the characters given, starts with none of "-." and is
// neither empty nor long.
func validName(s, characters string, most int) bool {
	return s != "" && len(s) <= most && s[0] != '-' && s[0] != '.' && strings.Trim(s, characters) == ""
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
	alnum  = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits
)

func validUser(s string) bool { return validName(s, alnum+"_.@$-", 255) }

// validUnit takes the kinds of systemd.unit(5) that are services to a person.
func validUnit(s string) bool {
	if !validName(s, alnum+`:_.\@-`, 255) {
		return false
	}
	stem, kind := unitStem(s), path.Ext(s)
	return stem != "" && (kind == ".service" || kind == ".socket" || kind == ".timer" || kind == ".path")
}

func unitStem(unit string) string { return strings.TrimSuffix(unit, path.Ext(unit)) }

// validFingerprint is the form of ssh-keygen -l: SHA-256 in base64, no padding.
func validFingerprint(s string) bool {
	rest, ok := strings.CutPrefix(s, "SHA256:")
	if !ok || len(rest) != 43 {
		return false
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(rest)
	return err == nil && len(raw) == 32
}

// maxPath is PATH_MAX without the NUL.
const maxPath = 4095

// validPath is an absolute path in its one spelling, which names no folder "..".
func validPath(p string) bool {
	return len(p) <= maxPath && path.IsAbs(p) && path.Clean(p) == p && strings.IndexByte(p, 0) < 0
}

// prefixes checks address ranges: in one spelling, none twice, none so wide
// that a few of them are the whole internet.
func (c *checks) prefixes(name string, list []netip.Prefix, least, most int) {
	c.that(len(list) >= least && len(list) <= most, "%s: %d where %d to %d are allowed", name, len(list), least, most)
	seen := make(map[netip.Prefix]bool)
	for _, p := range list {
		c.that(validPrefix(p), "%s: malformed range %s", name, p)
		c.that(!seen[p], "%s: %s twice", name, p)
		seen[p] = true
	}
}

// The widest ranges that a token may name, in bits.
const (
	minBits4 = 8
	minBits6 = 16
)

func validPrefix(p netip.Prefix) bool {
	if !p.IsValid() || p.Masked() != p || p.Addr().Is4In6() {
		return false
	}
	if p.Addr().Is4() {
		return p.Bits() >= minBits4
	}
	return p.Bits() >= minBits6
}
