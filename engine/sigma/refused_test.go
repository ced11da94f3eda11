package sigma_test

import (
	"strings"
	"testing"

	"picket.internal/engine/sigma"
)

// TestRefused holds what has no faithful meaning to the reason that is given:
// the part, and why.
func TestRefused(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			text := c.sigma
			switch {
			case strings.Contains(text, "title:"):
			case strings.Contains(text, "detection:"):
				text = document(text)
			default:
				text = selection(text)
			}
			got := reason(t, text, sigma.Options{Placeholders: map[string][]string{"many": make([]string, 900), "two": {"a", "b"}}})
			if got != c.want {
				t.Errorf("the reason is\n  %s\nwanted\n  %s", got, c.want)
			}
		})
	}
}

var refusals = []struct{ name, sigma, want string }{
	{"no document", "title:\n", `line 1: the document has no title`},
	{"not a mapping", "- title: x", `line 1: a Sigma document must be a mapping`},
	{"not YAML", "title: [", `malformed YAML: line 1: did not find expected node content`},
	{"not UTF-8", "title: \xff", `the file is not UTF-8`},
	{"an alias", "title: &a x\nauthor: *a", `line 1: anchors and aliases are not read`},
	{"a key twice", "title: x\ntitle: y", `line 2: the key "title" is set twice`},
	{"too deep", "title: x\nx: " + strings.Repeat("[", 20) + strings.Repeat("]", 20), `line 2: nested deeper than 16`},
	{"too large", "title: " + strings.Repeat("x", 300<<10), `the file is larger than 256 KiB`},
	{"nothing that decides", "title: x", `line 1: the document has neither detection, correlation nor filter`},
	{"action global", "title: x\naction: global\ndetection: {}", `line 2: action is of the old Sigma; write each document in full`},
	{"taxonomy", "title: x\ntaxonomy: ecs\ndetection: {}", `taxonomy: the field names of "ecs" are not known here`},
	{"status", "title: x\nstatus: unsupported\nlogsource: {category: process_creation}\ndetection: {a: {Image: x}, condition: a}", `x: status: unsupported says that the rule cannot be used as it is`},
	{"level", "title: x\nlevel: urgent\nlogsource: {category: process_creation}\ndetection: {a: {Image: x}, condition: a}", `x: level: "urgent" is not one of Sigma's`},
	{"tag", "title: x\ntags: [no namespace]\nlogsource: {category: process_creation}\ndetection: {a: {Image: x}, condition: a}", `x: malformed tag "no namespace"`},

	{"no log source", "title: x\ndetection: {a: {Image: x}, condition: a}", `the document has no log source`},
	{"product", "logsource: {product: windows, category: process_creation}\ndetection: {a: {Image: x}, condition: a}\n", `log source: there are no facts of product "windows"`},
	{"network connections", "logsource: {product: linux, category: network_connection}\ndetection: {a: {Image: x}, condition: a}\n", `log source "network_connection": a sensor sees sockets that wait for peers, not connections`},
	{"auditd", "logsource: {product: linux, service: auditd}\ndetection: {a: {type: EXECVE}, condition: a}\n", `log source "auditd": records of auditd are lines that one action makes several of; no fact is one`},
	{"sshd", "logsource: {product: linux, service: sshd}\ndetection: {a: [x], condition: a}\n", `log source "sshd": a rule of sshd searches a line of a log; facts carry none`},
	{"other service", "logsource: {product: linux, service: modsecurity}\ndetection: {a: [x], condition: a}\n", `log source: there are no facts of service "modsecurity"`},
	{"other category", "logsource: {product: linux, category: webserver}\ndetection: {a: [x], condition: a}\n", `log source: there are no facts of category "webserver"`},
	{"all of Linux", "logsource: {product: linux}\ndetection: {a: [x], condition: a}\n", `log source: it names no category, and a rule about all logs of Linux is about none that facts stand for`},
	{"more narrowing", "logsource: {product: linux, category: process_creation, zone: x}\ndetection: {a: {Image: x}, condition: a}\n", `line 5: log source: "zone" narrows it in a way that is not known here`},
	{"own kind", "logsource: {product: picket, category: nothing}\ndetection: {a: {Image: x}, condition: a}\n", `log source: there is no kind of fact "nothing"`},

	{"field without a counterpart", "ParentCommandLine|contains: x", `selection: line 8: field ParentCommandLine: a fact carries the parent's executable and name, not its arguments`},
	{"unknown field", "Foo: x", `selection: line 8: field Foo: no fact of process_creation has it`},
	{"keywords", "detection:\n  selection: [a, b]\n  condition: selection\n", `selection: line 7: keywords are searched for in a whole line of a log; a fact is no line`},
	{"keywords with all", "'|all': [a, b]", `selection: line 8: keywords are searched for in a whole line of a log; a fact is no line`},
	{"no values", "Image: []", `selection: line 8: field Image: the list of values is empty`},
	{"a map as value", "Image: {a: b}", `selection: line 8: field Image: a value must be a text, a number, true, false or null`},
	{"empty map", "detection:\n  selection: {}\n  condition: selection\n", `selection: line 7: it names no field`},
	{"timeframe", "detection:\n  selection: {Image: x}\n  timeframe: 5m\n  condition: selection\n", `line 8: timeframe belongs to aggregations of the old Sigma; write a correlation`},

	{"unknown modifier", "Image|fuzzy: x", `selection: line 8: field Image, modifier fuzzy: it is not one of Sigma's`},
	{"all with neq", "Image|all|neq: [a, b]", `selection: line 8: field Image, modifier neq: with all it is not clear what it joins`},
	{"contains of re", "Image|re|contains: x", `selection: line 8: field Image, modifier contains: it goes with texts only; a regular expression fits anywhere unless it has anchors`},
	{"re of contains", "Image|contains|re: x", `selection: line 8: field Image, modifier re: it must come first`},
	{"i without re", "Image|i: x", `selection: line 8: field Image, modifier i: it goes with re only`},
	{"lookahead", "Image|re: 'a(?!b)'", `selection: line 8: field Image: malformed or unsupported regular expression "a(?!b)": invalid or unsupported Perl syntax: ` + "`(?!`" + `; lookaround, back references and possessive quantifiers are not in RE2`},
	{"back reference", `Image|re: '(a)\1'`, `selection: line 8: field Image: malformed or unsupported regular expression "(a)\\1": invalid escape sequence: ` + "`\\1`" + `; lookaround, back references and possessive quantifiers are not in RE2`},
	{"inline flags", "Image|re: '(?i)a'", `selection: line 8: field Image: flags within a regular expression are not in Sigma; write re|i, re|m or re|s`},
	{"an end in the midst", `Image|re: 'a$\n'`, `selection: line 8: field Image: a $ with something behind it is not read the same everywhere`},
	{"two readings", `Image|re: 'a\v'`, `selection: line 8: field Image: \v is read in more than one way`},
	{"too large a pattern", "Image|re: '(a|aa|aaa){1,900}'", `what it becomes does not load: the pattern compiles to 9001 instructions, over the bound of 1000 (9001 > 1000)`},
	{"re of a number", "ProcessId|re: '4.'", `selection: line 8: field ProcessId: it is no text, which regular expressions are about`},
	{"wildcard of a number", "ProcessId: '4*'", `selection: line 8: field ProcessId: it is a number, not "4*"`},
	{"contains of a number", "ProcessId|contains: 4", `selection: line 8: field ProcessId: it is a number, which has no beginning, end or wildcards`},
	{"fraction of a whole number", "ProcessId: 4.5", `selection: line 8: field ProcessId: it is a whole number up to 2^53, not "4.5"`},
	{"too large a number", "ProcessId: 99999999999999999999", `selection: line 8: field ProcessId: it is a whole number up to 2^53, not "99999999999999999999"`},
	{"gt of a text", "Image|gt: 4", `selection: line 8: field Image: it is a text, and texts are not compared as numbers`},
	{"true as a text", "Image: true", `selection: line 8: field Image: it is a text, which true is not; write it in quotes where the word is meant`},
	{"cidr of no address", "Image|cidr: 10.0.0.0/8", `selection: line 8: field Image, modifier cidr: Image is no IP address`},
	{"bad network", "logsource: {product: picket, category: login}\ndetection: {a: {login.source_ip|cidr: 10.0.0.0/33}, condition: a}\n", `a: line 6: field login.source_ip: malformed network "10.0.0.0/33"`},
	{"exists of a text", "Image|exists: maybe", `selection: line 8: field Image: exists takes true or false`},
	{"null with contains", "Image|contains: null", `selection: line 8: field Image, modifier contains: null is no text`},
	{"wildcard in base64", "CommandLine|base64: 'a*'", `selection: line 8: field CommandLine, modifier base64: a wildcard cannot be encoded`},
	{"contains before base64", "CommandLine|contains|base64: a", `selection: line 8: field CommandLine, modifier base64: a wildcard cannot be encoded; contains, startswith and endswith come after it`},
	{"wide as it is", "CommandLine|wide: a", `selection: line 8: field CommandLine: UTF-16 has bytes that no text of a fact has; encode it with base64 or base64offset`},
	{"too short for offsets", "CommandLine|base64offset|contains: a", `selection: line 8: field CommandLine, modifier base64offset: the value is too short: nothing of it is the same at each offset`},
	{"unknown placeholder", "Image|expand: '%none%'", `selection: line 8: field Image, modifier expand: the placeholder %none% is not among those given, which are many, two`},
	{"too many expansions", "Image|expand: '%many%%two%'", `selection: line 8: field Image, modifier expand: the placeholders stand for more than 1000 values`},
	{"all meanings at once", "Image|all|expand: ['%two%', x]", `selection: line 8: field Image, modifier expand: all would ask for each meaning of a placeholder at once`},
	{"fieldref to nowhere", "Image|fieldref: Foo", `selection: line 8: field Image: field Foo: no fact of process_creation has it`},
	{"fieldref of another type", "Image|fieldref: ProcessId", `selection: line 8: field Image: it cannot be compared with ProcessId, which is of another type`},
	{"a time as a whole", "UtcTime: '2026-01-01'", `selection: line 8: field UtcTime: it is a time; compare its minute, hour, day, month or year`},
	{"weeks", "UtcTime|week: 3", `selection: line 8: field UtcTime, modifier week: conditions know no weeks`},
	{"hour of a text", "Image|hour: 3", `selection: line 8: field Image, modifier hour: Image is no time`},

	{"no condition", "detection:\n  a: {Image: x}\n", `the detection has no condition`},
	{"aggregation", "detection:\n  a: {Image: x}\n  condition: a | count() by User > 5\n", `condition: aggregations behind | (count, min, max, avg, sum, near) are of the old Sigma; write a correlation`},
	{"unknown name", "detection:\n  a: {Image: x}\n  condition: a and b\n", `condition: there is no search identifier "b"`},
	{"nothing fits", "detection:\n  a: {Image: x}\n  condition: 1 of b*\n", `condition: no search identifier fits "b*"`},
	{"other quantity", "detection:\n  a: {Image: x}\n  condition: 2 of a*\n", `condition: "2" of is not in Sigma; it knows 1 of and all of`},
	{"no end", "detection:\n  a: {Image: x}\n  condition: a and\n", `condition: it ends too early`},
	{"open bracket", "detection:\n  a: {Image: x}\n  condition: (a\n", `condition: it ends too early`},
	{"two in a row", "detection:\n  a: {Image: x}\n  condition: a a\n", `condition: "a" is not expected there`},
	{"too deep a condition", "detection:\n  a: {Image: x}\n  condition: " + strings.Repeat("(", 100) + "a" + strings.Repeat(")", 100) + "\n", `condition: nested deeper than 40`},
	{"too many tests", "detection:\n  a: {Image: [" + strings.Repeat("x,", 900) + "x]}\n  condition: " + strings.Repeat("a or ", 9) + "a\n", `condition: it comes to more than 4000 tests`},
	{"too long a condition", "Image|contains: [" + strings.Repeat("abcdefghijklmnop,", 600) + "x]", `what it becomes does not load: where is longer than 8192 bytes`},
	{"never true", "detection:\n  a: {ProcessId: 1}\n  b: {ProcessId: 2}\n  condition: a and b\n", `A test: no event was found that the rule matches, so nothing shows that it does what it says`},
}
