package rule_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// needText writes a Need on one line.
func needText(n *rule.Need) string {
	var parts []string
	for _, p := range n.Parts {
		parts = append(parts, needText(p))
	}
	switch n.Op {
	case rule.NeedAll:
		return "(" + strings.Join(parts, " and ") + ")"
	case rule.NeedAny:
		return "(" + strings.Join(parts, " or ") + ")"
	case rule.NeedOpaque:
		return "?" + n.Why() + "?"
	case rule.NeedItem:
		if n.Not {
			return "no item " + parts[0]
		}
		return "item " + parts[0]
	}
	if n.Not {
		return "not " + n.Test.String()
	}
	return n.Test.String()
}

func TestNeed(t *testing.T) {
	for where, want := range map[string]string{
		`process.name == "sh"`:                                                    `process.name equals "sh"`,
		`"sh" == process.name`:                                                    `process.name equals "sh"`,
		`process.name != "sh"`:                                                    `not process.name equals "sh"`,
		`!(process.name == "a" || process.name == "b")`:                           `(not process.name equals "a" and not process.name equals "b")`,
		`!(process.name == "a" && !process.deleted)`:                              `(not process.name equals "a" or process.deleted equals true)`,
		`process.name in ["a", "b"]`:                                              `process.name equals "a" or "b"`,
		`process.pid in [1, -2] && process.deleted == false`:                      `(process.pid equals 1 or -2 and process.deleted equals false)`,
		`process.start_ticks == 7u`:                                               `process.start_ticks equals 7`,
		`process.pid > 5 || process.name == "a"`:                                  `(process.pid is at least 6 or process.name equals "a")`,
		`process.executable.base() == "sh"`:                                       `process.executable.base() equals "sh"`,
		`process.executable.dir() == "/tmp"`:                                      `process.executable.dir() equals "/tmp"`,
		`process.executable.base().lowerAscii() in ["sh", "SH"]`:                  `process.executable.base() equals "sh" in any case`,
		`process.name.upperAscii().startsWith("SH")`:                              `process.name begins with "sh" in any case`,
		`process.name.lowerAscii() == "SH"`:                                       `process.name equals nothing in any case`,
		`process.name.lowerAscii().equalsFold("SH")`:                              `process.name equals "sh" in any case`,
		`process.name.containsFold("Sh")`:                                         `process.name contains "sh" in any case`,
		`process.executable.under("/tmp/")`:                                       `(process.executable equals "/tmp" or process.executable begins with "/tmp/")`,
		`process.executable.under("/")`:                                           `process.executable begins with "/"`,
		`!process.executable.under("/tmp")`:                                       `(not process.executable equals "/tmp" and not process.executable begins with "/tmp/")`,
		`has(process.hash)`:                                                       `process.hash is present`,
		`!has(process.args)`:                                                      `not process.args is present`,
		`"-c" in process.args`:                                                    `item process.args[*] equals "-c"`,
		`!("-c" in process.args)`:                                                 `no item process.args[*] equals "-c"`,
		`process.args.exists(a, a.base() == "sh")`:                                `item process.args[*].base() equals "sh"`,
		`process.args.exists(a, a != "x" && a.size() > 1)`:                        `item (not process.args[*] equals "x" and ?a.size() > 1?)`,
		`!process.args.all(a, a == "x")`:                                          `item not process.args[*] equals "x"`,
		`process.args.all(a, a == "x")`:                                           `no item not process.args[*] equals "x"`,
		`!process.args.exists(a, a == "x")`:                                       `no item process.args[*] equals "x"`,
		`process.args.exists(a, process.ancestors.exists(a, a == "x"))`:           `item ?process.ancestors.exists(a, a == "x")?`,
		`process.args.exists(a, process.ancestors.exists(b, a == b))`:             `item ?process.ancestors.exists(b, a == b)?`,
		`process.args[0] == "x"`:                                                  `process.args[0] equals "x"`,
		`process.name.matches("^/usr/(local/)?s?bin/(nc|socat)$")`:                `(process.name equals "/usr/local/sbin/nc" or "/usr/local/sbin/socat" or "/usr/local/bin/nc" or 5 more and process.name matches "^/usr/(local/)?s?bin/(nc|socat)$")`,
		`process.name.matches("(?i)^/Tmp")`:                                       `(process.name begins with "/tmp" in any case and process.name matches "(?i)^/Tmp")`,
		`process.name.matches("(?i)sk")`:                                          `(process.name contains "sk" or "s` + "\u212a" + `" or "ſk" or 1 more in any case and process.name matches "(?i)sk")`,
		`process.name.matches("/dev/(tcp|udp)/[^/ ]+/[0-9]+")`:                    `(process.name contains "/dev/tcp/" or "/dev/udp/" and process.name contains "/" and process.name matches "/dev/(tcp|udp)/[^/ ]+/[0-9]+")`,
		`process.name.matches("a.*|b.*")`:                                         `(process.name contains "a" or "b" and process.name matches "a.*|b.*")`,
		`process.name.matches("a.*|.*")`:                                          `process.name matches "a.*|.*"`,
		`process.name.matches("(abc)+x*")`:                                        `(process.name contains "abc" and process.name matches "(abc)+x*")`,
		`process.name.matches("ab{2}c")`:                                          `(process.name contains "abbc" and process.name matches "ab{2}c")`,
		`process.name.matches("(?m)^a$")`:                                         `(process.name contains "a" and process.name matches "(?m)^a$")`,
		`process.name.matches("[ab][ab][ab][ab][ab][ab][ab]x")`:                   `(process.name contains "aaaaaa" or "aaaaab" or "aaaaba" or 61 more and process.name contains "ax" or "bx" and process.name matches "[ab][ab][ab][ab][ab][ab][ab]x")`,
		`!process.name.matches("a")`:                                              `not process.name matches "a"`,
		`process.executable.glob("/usr/*/sh")`:                                    `(process.executable begins with "/usr/" and process.executable ends with "/sh" and process.executable matches "(?s)\\A/usr/[^/]*/sh\\z")`,
		`process.pid >= 5 && 5 < process.pid`:                                     `(process.pid is at least 5 and process.pid is at least 6)`,
		`process.pid < -5 || process.start_ticks <= 5u`:                           `(not process.pid is at least -5 or not process.start_ticks is at least 6)`,
		`size(process.args) > 1 && process.name.size() == 0`:                      `(size(process.args) is at least 2 and size(process.name) equals 0)`,
		`process.args[1].base().lowerAscii() == "x"`:                              `process.args[1].base() equals "x" in any case`,
		`["a", "b"].exists(s, process.name.startsWith(s))`:                        `process.name begins with "a" or "b"`,
		`["a", "B"].all(s, !process.name.containsFold(s))`:                        `not process.name contains "a" or "b" in any case`,
		`["a"].all(s, process.name.contains(s))`:                                  `?["a"].all(s, process.name.contains(s))?`,
		`["a"].exists(s, s.contains(s) && process.deleted)`:                       `?["a"].exists(s, s.contains(s) && process.deleted)?`,
		`process.args.exists(a, ["x", "y"].exists(s, a.endsWith(s)))`:             `item process.args[*] ends with "x" or "y"`,
		`process.args.exists(a, size(a) > 1 || "x" in process.ancestors)`:         `item (?size(a) > 1? or item process.ancestors[*] equals "x")`,
		`process.name == process.parent.name`:                                     `?process.name == process.parent.name?`,
		`process.name in ["a", process.parent.name]`:                              `?process.name in ["a", process.parent.name]?`,
		`process.deleted ? process.name == "a" : process.name == "b"`:             `?process.deleted ? (process.name == "a") : (process.name == "b")?`,
		`kind == "process" && host.name == "" && prevalence.learned && seq == 1u`: `((kind equals "process" and host.name equals "") and (prevalence.learned equals true and seq equals 1))`,
	} {
		if diff := cmp.Diff(want, needText(condition(t, where).Need())); diff != "" {
			t.Errorf("%s\n%s", where, diff)
		}
	}
}

// Whatever a pattern matches has the literals that it is said to require, at
// the edges of case folding and UTF-8 too.
func FuzzRequiredLiterals(f *testing.F) {
	for _, pattern := range []string{`^/usr/(local/)?s?bin/(nc|socat)$`, `(?i)sk`, `(?i)ß|K`, `a|^b$`, `[ab]{3}c?`, `(?:x|yy)+z`, `\bfoo\b`, `a$b`, `(a|b.*)`, `(?i:ab)c`, `(?i)\x{FFFD}`} {
		for _, text := range []string{"", "/usr/bin/nc", "s\u212a", "ſK", "ab", "xyyz", "\xff", "ABc", "foo", "aßb"} {
			f.Add(pattern, text)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 100 || len(text) > 1000 {
			return
		}
		re, err := regexp.Compile(pattern)
		if err != nil || !re.MatchString(text) {
			return
		}
		v := rule.NewVars(&fact.Fact{Process: &fact.Process{Name: text}}, nil)
		for _, l := range rule.RequiredLiterals(pattern) {
			if !l.Holds(v) {
				t.Errorf("%q matches %q, but %s does not hold", pattern, text, needText(l))
			}
		}
	})
}
