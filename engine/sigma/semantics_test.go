package sigma_test

import (
	"strings"
	"testing"

	"picket.internal/engine/sigma"
)

// TestMeaning holds what converted conditions say of facts written by hand to
// what Sigma's specification says.
func TestMeaning(t *testing.T) {
	for _, c := range meanings {
		t.Run(c.name, func(t *testing.T) {
			text := c.sigma
			if !strings.Contains(text, "detection:") {
				text = selection(text)
			} else {
				text = document(text)
			}
			r, written := convert(t, text, sigma.Options{Placeholders: map[string][]string{"shells": {"*/sh", "*/ba?h"}, "one": {"x*y"}}})
			if len(c.match) == 0 || len(c.miss) == 0 {
				t.Fatal("a meaning needs a fact that matches and one that does not")
			}
			for _, f := range c.match {
				if !matches(t, r, f) {
					t.Errorf("does not match %s\n%s", f, r.Where)
				}
			}
			for _, f := range c.miss {
				if matches(t, r, f) {
					t.Errorf("matches %s\n%s", f, r.Where)
				}
			}
			if c.where != "" && !strings.Contains(written, c.where) {
				t.Errorf("the condition is not written as %s:\n%s", c.where, r.Where)
			}
		})
	}
}

var meanings = []struct {
	name  string
	sigma string // a selection, or a detection
	match []string
	miss  []string
	where string // a part of the condition as it is written; "" where that does not matter
}{
	{name: "equal, case aside", sigma: `Image: /usr/bin/CAT`, where: `process.executable.equalsFold("/usr/bin/CAT")`,
		match: []string{`{executable: /usr/bin/cat}`, `{executable: /USR/bin/Cat}`, `{executable: /usr/bin/cat, action: exec}`},
		miss:  []string{`{executable: /usr/bin/cat2}`, `{executable: /x/usr/bin/cat}`, `{}`, `{executable: /usr/bin/cat, action: exit}`, `{executable: /usr/bin/cat, action: seen}`}},
	{name: "no letters, no case", sigma: `CommandLine: '1 2'`, where: `process.command_line == "1 2"`,
		match: []string{`{command_line: "1 2"}`}, miss: []string{`{command_line: "1 2 "}`, `{}`}},
	{name: "list is or", sigma: "CommandLine:\n  - '1'\n  - '22'", where: `process.command_line in ["1", "22"]`,
		match: []string{`{command_line: "1"}`, `{command_line: "22"}`}, miss: []string{`{command_line: "122"}`, `{}`}},
	{name: "map is and", sigma: "Image|endswith: /cat\nCommandLine|contains: shadow",
		match: []string{`{executable: /bin/cat, command_line: cat /etc/shadow}`},
		miss:  []string{`{executable: /bin/cat, command_line: cat}`, `{executable: /bin/dog, command_line: cat /etc/shadow}`, `{}`}},
	{name: "list of maps is or", sigma: "detection:\n  selection:\n    - Image|endswith: /cat\n    - CommandLine|contains: shadow\n      User: root\n  condition: selection\n",
		match: []string{`{executable: /bin/cat}`, `{command_line: shadow, user: {name: root}}`, `{command_line: shadow, user: {name: ROOT}}`},
		miss:  []string{`{command_line: shadow}`, `{user: {name: root}}`}},
	{name: "contains", sigma: `CommandLine|contains: ' -C '`, where: `containsFold(" -C ")`,
		match: []string{`{command_line: sh -c x}`, `{command_line: sh -C x}`}, miss: []string{`{command_line: sh -cx}`, `{}`}},
	{name: "startswith", sigma: `CommandLine|startswith: 'Ab'`, match: []string{`{command_line: abc}`, `{command_line: AB}`}, miss: []string{`{command_line: cab}`, `{command_line: a}`, `{}`}},
	{name: "endswith", sigma: `CommandLine|endswith: 'Ab'`, match: []string{`{command_line: cab}`, `{command_line: aB}`}, miss: []string{`{command_line: abc}`, `{command_line: b}`, `{}`}},
	{name: "contains all", sigma: "CommandLine|contains|all:\n  - one\n  - two",
		match: []string{`{command_line: two one}`, `{command_line: ONEtwo}`}, miss: []string{`{command_line: one}`, `{command_line: two}`, `{}`}},
	{name: "all of one value", sigma: "CommandLine|contains|all: one", match: []string{`{command_line: one}`}, miss: []string{`{command_line: on}`}},
	{name: "cased", sigma: `CommandLine|contains|cased: Ab`, where: `process.command_line.contains("Ab")`,
		match: []string{`{command_line: xAbx}`}, miss: []string{`{command_line: xabx}`, `{command_line: XABX}`}},
	{name: "cased equality", sigma: `CommandLine|cased: [Ab, Cd]`, where: `process.command_line in ["Ab", "Cd"]`,
		match: []string{`{command_line: Ab}`, `{command_line: Cd}`}, miss: []string{`{command_line: ab}`, `{command_line: CD}`}},

	{name: "wildcard of any length", sigma: `CommandLine: 'a*c'`,
		match: []string{`{command_line: ac}`, `{command_line: abbC}`, `{command_line: "a\n\nc"}`}, miss: []string{`{command_line: acd}`, `{command_line: xac}`, `{}`}},
	{name: "wildcard of one", sigma: `CommandLine: 'a?c'`,
		match: []string{`{command_line: abc}`, `{command_line: "a\nc"}`, `{command_line: "aéc"}`}, miss: []string{`{command_line: ac}`, `{command_line: abbc}`, `{command_line: "abc\n"}`}},
	{name: "wildcards at both ends", sigma: `CommandLine: '*a.b*'`, where: `containsFold("a.b")`,
		match: []string{`{command_line: xA.bx}`, `{command_line: a.b}`}, miss: []string{`{command_line: axb}`}},
	{name: "wildcards in contains", sigma: `CommandLine|contains: 'a*b?c'`,
		match: []string{`{command_line: x a--bXc x}`, `{command_line: abxc}`}, miss: []string{`{command_line: a bc}`, `{command_line: bxc a}`}},
	{name: "any value at all", sigma: `CommandLine: '*'`, where: `has(process.command_line)`,
		match: []string{`{command_line: x}`}, miss: []string{`{}`, `{executable: /bin/x}`}},
	{name: "at least one character", sigma: `CommandLine: '?*'`, match: []string{`{command_line: x}`, `{command_line: xy}`}, miss: []string{`{}`}},

	{name: "escaped star", sigma: `CommandLine: 'a\*'`, match: []string{`{command_line: a*}`}, miss: []string{`{command_line: ab}`, `{command_line: 'a\*'}`}},
	{name: "escaped question mark", sigma: `CommandLine: 'a\?'`, match: []string{`{command_line: "a?"}`}, miss: []string{`{command_line: ab}`}},
	{name: "a backslash by itself", sigma: `CommandLine: 'a\b'`, match: []string{`{command_line: 'a\b'}`}, miss: []string{`{command_line: ab}`, `{command_line: 'a\\b'}`}},
	{name: "two backslashes are one", sigma: `CommandLine: 'a\\b'`, match: []string{`{command_line: 'a\b'}`}, miss: []string{`{command_line: 'a\\b'}`}},
	{name: "backslash before a wildcard", sigma: `CommandLine: 'a\\*'`, match: []string{`{command_line: 'a\'}`, `{command_line: 'a\xy'}`}, miss: []string{`{command_line: a*}`, `{command_line: 'a'}`}},
	{name: "backslash and plain star", sigma: `CommandLine: 'a\\\*'`, match: []string{`{command_line: 'a\*'}`}, miss: []string{`{command_line: 'a\x'}`, `{command_line: a*}`}},
	{name: "three backslashes are two", sigma: `CommandLine: 'a\\\b'`, match: []string{`{command_line: 'a\\b'}`}, miss: []string{`{command_line: 'a\b'}`, `{command_line: 'a\\\b'}`}},
	{name: "four backslashes are two", sigma: `CommandLine: 'a\\\\b'`, match: []string{`{command_line: 'a\\b'}`}, miss: []string{`{command_line: 'a\\\\b'}`}},
	{name: "marks of regular expressions are plain", sigma: `CommandLine: '(a+|b).c$*'`, match: []string{`{command_line: "(A+|b).c$ x"}`}, miss: []string{`{command_line: aac}`}},
	{name: "quotes and control characters", sigma: `CommandLine: "\"a'\\t\tb\u0001"`, match: []string{`{command_line: "\"A'\\t\tb\u0001"}`}, miss: []string{`{command_line: "a"}`}},
	{name: "a percent sign is plain", sigma: `CommandLine: '%shells%'`, match: []string{`{command_line: "%shells%"}`}, miss: []string{`{command_line: /bin/sh}`}},

	{name: "letters beyond ASCII", sigma: `CommandLine|contains: 'Größe'`, where: `matches(`,
		match: []string{`{command_line: größe}`, `{command_line: xGRÖßEx}`}, miss: []string{`{command_line: grosse}`, `{command_line: grobe}`}},
	{name: "signs beyond ASCII have no case", sigma: `CommandLine|contains: 'a – b'`, where: `containsFold("a – b")`,
		match: []string{`{command_line: "A – B"}`}, miss: []string{`{command_line: "a - b"}`}},
	{name: "cased beyond ASCII", sigma: `CommandLine|contains|cased: 'Ö'`, where: `.contains("Ö")`, match: []string{`{command_line: Ö}`}, miss: []string{`{command_line: ö}`}},

	{name: "null", sigma: "Image|endswith: /cat\nCommandLine: null", where: "!has(process.command_line)",
		match: []string{`{executable: /bin/cat}`}, miss: []string{`{executable: /bin/cat, command_line: x}`, `{}`}},
	{name: "null or a value", sigma: "Image|endswith: /cat\nCommandLine: [null, '1']",
		match: []string{`{executable: /bin/cat}`, `{executable: /bin/cat, command_line: "1"}`}, miss: []string{`{executable: /bin/cat, command_line: "2"}`}},
	{name: "an empty text", sigma: "Image|endswith: /cat\nCommandLine: ''", where: `process.command_line == ""`,
		match: []string{`{executable: /bin/cat}`}, miss: []string{`{executable: /bin/cat, command_line: x}`}},
	{name: "exists", sigma: `CommandLine|exists: true`, match: []string{`{command_line: x}`}, miss: []string{`{}`}},
	{name: "exists not", sigma: "Image|endswith: /cat\nCommandLine|exists: false", match: []string{`{executable: /bin/cat}`}, miss: []string{`{executable: /bin/cat, command_line: x}`}},

	{name: "number", sigma: `ProcessId: 42`, where: "process.pid == 42", match: []string{`{pid: 42}`}, miss: []string{`{pid: 43}`, `{}`}},
	{name: "number in quotes", sigma: `ProcessId: '42'`, match: []string{`{pid: 42}`}, miss: []string{`{pid: 4}`}},
	{name: "numbers", sigma: `ProcessId: [1, 2]`, where: "process.pid in [1, 2]", match: []string{`{pid: 2}`}, miss: []string{`{pid: 3}`, `{}`}},
	{name: "number as text", sigma: `CommandLine: 42`, match: []string{`{command_line: "42"}`}, miss: []string{`{command_line: "042"}`, `{}`}},
	{name: "less asks for presence", sigma: `ProcessId|lt: 5`, where: "has(process.pid) && process.pid < 5", match: []string{`{pid: 4}`}, miss: []string{`{pid: 5}`, `{}`}},
	{name: "lte", sigma: `ProcessId|lte: 5`, match: []string{`{pid: 5}`}, miss: []string{`{pid: 6}`, `{}`}},
	{name: "gt", sigma: `ProcessId|gt: 5`, where: "process.pid > 5", match: []string{`{pid: 6}`}, miss: []string{`{pid: 5}`, `{}`}},
	{name: "gte", sigma: `ProcessId|gte: 5`, match: []string{`{pid: 5}`}, miss: []string{`{pid: 4}`, `{}`}},
	{name: "neq of a number", sigma: `ProcessId|neq: 5`, where: "process.pid != 5", match: []string{`{pid: 6}`, `{}`}, miss: []string{`{pid: 5}`}},
	{name: "neq of texts", sigma: `Image|neq: [/bin/a, /bin/b]`, match: []string{`{executable: /bin/c}`, `{}`}, miss: []string{`{executable: /bin/a}`, `{executable: /bin/B}`}},
	{name: "neq of an end", sigma: `Image|endswith|neq: /a`, match: []string{`{executable: /bin/c}`, `{}`}, miss: []string{`{executable: /bin/A}`}},
	{name: "number in a text", sigma: "logsource: {product: picket, category: process}\ndetection:\n  selection: {user.id|gte: 1000}\n  condition: selection\n",
		match: []string{`{user: {id: "1000"}}`, `{user: {id: "65534"}}`}, miss: []string{`{user: {id: "999"}}`, `{user: {id: "x"}}`, `{}`}},

	{name: "regular expression", sigma: `CommandLine|re: 'a[0-9]+b'`, where: `process.command_line.matches("a[0-9]+b")`,
		match: []string{`{command_line: xa12bx}`}, miss: []string{`{command_line: xA12bx}`, `{command_line: ab}`}},
	{name: "re i", sigma: `CommandLine|re|i: '^ab$'`, match: []string{`{command_line: AB}`, `{command_line: "ab\n"}`}, miss: []string{`{command_line: xab}`, `{command_line: "ab\n\n"}`, `{command_line: "ab\nx"}`}},
	{name: "re m", sigma: `CommandLine|re|m: '^ab$'`, match: []string{`{command_line: "x\nab\ny"}`}, miss: []string{`{command_line: "x ab"}`}},
	{name: "re without s", sigma: `CommandLine|re: 'a.b'`, match: []string{`{command_line: axb}`}, miss: []string{`{command_line: "a\nb"}`}},
	{name: "re s", sigma: `CommandLine|re|s: 'a.b'`, match: []string{`{command_line: "a\nb"}`}, miss: []string{`{command_line: ab}`}},
	{name: "re that takes nothing", sigma: `CommandLine|re: '.*'`, where: `has(process.command_line)`, match: []string{`{command_line: x}`}, miss: []string{`{}`}},
	{name: "re all", sigma: "CommandLine|re|all:\n  - 'a+'\n  - 'b+'", match: []string{`{command_line: ba}`}, miss: []string{`{command_line: a}`}},

	{name: "base64", sigma: `CommandLine|base64|contains: foobar`, where: `containsFold("Zm9vYmFy")`, match: []string{`{command_line: echo Zm9vYmFy}`}, miss: []string{`{command_line: foobar}`}},
	{name: "base64offset", sigma: `CommandLine|base64offset|contains: '/bin/bash'`,
		match: []string{`{command_line: echo L2Jpbi9iYXNo}`, `{command_line: echo eC9iaW4vYmFzaA==}`, `{command_line: echo eHgvYmluL2Jhc2g=}`, `{command_line: echo eHh4L2Jpbi9iYXNoeA==}`},
		miss:  []string{`{command_line: /bin/bash}`, `{command_line: echo L2Jpbi9kYXNo}`}},
	{name: "wide base64", sigma: `CommandLine|wide|base64|contains: cmd`, match: []string{`{command_line: YwBtAGQA}`}, miss: []string{`{command_line: Y21k}`}},
	{name: "utf16le base64offset", sigma: `CommandLine|utf16le|base64offset|contains: ping`, match: []string{`{command_line: cABpAG4AZwA=}`, `{command_line: eHAAaQBuAGcA}`}, miss: []string{`{command_line: ping}`}},
	{name: "utf16be base64", sigma: `CommandLine|utf16be|base64|contains: cmd`, match: []string{`{command_line: AGMAbQBk}`}, miss: []string{`{command_line: YwBtAGQA}`}},
	{name: "utf16 base64", sigma: `CommandLine|utf16|base64|contains: cmd`, match: []string{`{command_line: //5jAG0AZAA=}`}, miss: []string{`{command_line: YwBtAGQA}`}},

	{name: "windash", sigma: `CommandLine|windash|contains: ' -f'`,
		match: []string{`{command_line: x -f}`, `{command_line: x /F}`, `{command_line: x –f}`, `{command_line: x —f}`, `{command_line: x ―f}`}, miss: []string{`{command_line: x _f}`, `{command_line: xf}`}},
	{name: "windash leaves dashes within words", sigma: `CommandLine|windash|contains: 'a-b -c'`, match: []string{`{command_line: a-b /c}`}, miss: []string{`{command_line: a/b /c}`}},

	{name: "cidr", sigma: "logsource: {product: picket, category: login}\ndetection:\n  selection:\n    login.source_ip|cidr: [10.0.0.0/8, 'fd00::/8']\n  condition: selection\n",
		match: []string{`{kind: login, login: {action: added, source_ip: 10.1.2.3}}`, `{kind: login, login: {action: added, source_ip: "fd00::1"}}`},
		miss:  []string{`{kind: login, login: {action: added, source_ip: 11.1.2.3}}`, `{kind: login, login: {action: added, source_ip: "fe80::1"}}`, `{kind: login, login: {action: added}}`}},

	{name: "expand", sigma: `Image|expand: '%shells%'`, match: []string{`{executable: /bin/sh}`, `{executable: /bin/BASH}`}, miss: []string{`{executable: /bin/zsh}`, `{executable: sh}`}},
	{name: "expand within a text", sigma: `CommandLine|contains|expand: 'a %one% b'`, match: []string{`{command_line: . a x-y b .}`}, miss: []string{`{command_line: a %one% b}`}},
	{name: "expand with plain percent", sigma: `CommandLine|expand: '\%plain%one%'`, match: []string{`{command_line: "%plainxy"}`}, miss: []string{`{command_line: plain}`}},

	{name: "fieldref", sigma: `Image|fieldref: ParentImage`, match: []string{`{executable: /bin/a, parent: {executable: /bin/A}}`}, miss: []string{`{executable: /bin/a, parent: {executable: /bin/b}}`, `{}`, `{executable: /bin/a}`}},
	{name: "fieldref neq", sigma: `Image|fieldref|neq: ParentImage`, match: []string{`{executable: /bin/a, parent: {executable: /bin/b}}`}, miss: []string{`{executable: /bin/a, parent: {executable: /bin/a}}`}},
	{name: "fieldref contains", sigma: `CommandLine|fieldref|contains: Image`, match: []string{`{executable: /bin/a, command_line: x /BIN/a}`}, miss: []string{`{executable: /bin/a, command_line: a}`, `{command_line: a}`}},
	{name: "fieldref of numbers", sigma: `ProcessId|fieldref: ParentProcessId`, match: []string{`{pid: 2, parent: {pid: 2}}`}, miss: []string{`{pid: 2, parent: {pid: 3}}`, `{}`}},

	{name: "hour", sigma: "Image|endswith: /cat\nUtcTime|hour|gte: 5\nUtcTime|minute: 6\nUtcTime|day: 4\nUtcTime|month: 3\nUtcTime|year: 2026",
		match: []string{`{executable: /bin/cat}`}, miss: []string{`{kind: process, time: "2026-03-04T04:06:07Z", process: {action: start, executable: /bin/cat}}`, `{kind: process, time: "2026-04-04T05:06:07Z", process: {action: start, executable: /bin/cat}}`}},

	{name: "not, of a field that is not there", sigma: "detection:\n  selection: {Image|endswith: /cat}\n  filter: {CommandLine|contains: x}\n  condition: selection and not filter\n",
		match: []string{`{executable: /bin/cat}`, `{executable: /bin/cat, command_line: y}`}, miss: []string{`{executable: /bin/cat, command_line: x}`, `{command_line: y}`}},
	{name: "not binds more than and, and more than or", sigma: "detection:\n  a: {ProcessId: 1}\n  b: {ProcessId: 2}\n  c: {CommandLine: '1'}\n  condition: a or b and not c\n",
		match: []string{`{pid: 1, command_line: "1"}`, `{pid: 2}`}, miss: []string{`{pid: 2, command_line: "1"}`, `{pid: 3}`}},
	{name: "brackets", sigma: "detection:\n  a: {ProcessId: 1}\n  b: {ProcessId: 2}\n  c: {CommandLine: '1'}\n  condition: (a or b) and not (c or a)\n",
		match: []string{`{pid: 2}`}, miss: []string{`{pid: 2, command_line: "1"}`, `{pid: 1}`}},
	{name: "not not", sigma: "detection:\n  a: {ProcessId: 1}\n  condition: not not a\n", match: []string{`{pid: 1}`}, miss: []string{`{pid: 2}`}},
	{name: "not of all", sigma: "detection:\n  a: {ProcessId: 1}\n  b: {CommandLine: '1'}\n  condition: not all of them\n", match: []string{`{pid: 1}`, `{}`}, miss: []string{`{pid: 1, command_line: "1"}`}},
	{name: "1 of a pattern", sigma: "detection:\n  sel_a: {ProcessId: 1}\n  sel_b: {ProcessId: 2}\n  other: {ProcessId: 3}\n  condition: 1 of sel_*\n",
		match: []string{`{pid: 1}`, `{pid: 2}`}, miss: []string{`{pid: 3}`, `{}`}},
	{name: "all of a pattern", sigma: "detection:\n  sel_a: {ProcessId: 1}\n  sel_b: {CommandLine: '1'}\n  other: {ProcessId: 3}\n  condition: all of sel*\n",
		match: []string{`{pid: 1, command_line: "1"}`}, miss: []string{`{pid: 1}`, `{command_line: "1"}`, `{pid: 3}`}},
	{name: "1 of them leaves out underscores", sigma: "detection:\n  a: {ProcessId: 1}\n  _b: {ProcessId: 2}\n  condition: 1 of them\n", match: []string{`{pid: 1}`}, miss: []string{`{pid: 2}`}},
	{name: "all of them", sigma: "detection:\n  a: {ProcessId: 1}\n  b: {CommandLine: '1'}\n  _c: {ProcessId: 3}\n  condition: all of them\n", match: []string{`{pid: 1, command_line: "1"}`}, miss: []string{`{pid: 1}`}},
	{name: "a star within a name", sigma: "detection:\n  a_x_1: {ProcessId: 1}\n  a_y_2: {ProcessId: 2}\n  condition: 1 of a_*_1\n", match: []string{`{pid: 1}`}, miss: []string{`{pid: 2}`}},
	{name: "a list of conditions is or", sigma: "detection:\n  a: {ProcessId: 1}\n  b: {ProcessId: 2}\n  condition: [a, b]\n", match: []string{`{pid: 1}`, `{pid: 2}`}, miss: []string{`{pid: 3}`}},

	{name: "a list in the fact", sigma: "logsource: {product: picket, category: process}\ndetection:\n  selection:\n    process.args|startswith: --pre\n    process.args: [X, y]\n  condition: selection\n",
		match: []string{`{args: [a, --preload, x]}`, `{args: ["--PRE", "Y"]}`}, miss: []string{`{args: [x]}`, `{args: [--pre, z]}`, `{}`}},
	{name: "truth", sigma: "logsource: {product: picket, category: process}\ndetection:\n  selection: {process.deleted: true}\n  condition: selection\n", match: []string{`{deleted: true}`}, miss: []string{`{}`}},
	{name: "a block", sigma: "logsource: {product: picket, category: process}\ndetection:\n  selection: {process.parent|exists: true}\n  condition: selection\n", match: []string{`{parent: {pid: 3}}`}, miss: []string{`{pid: 1}`}},
	{name: "an unsigned number", sigma: "logsource: {product: picket, category: file}\ndetection:\n  selection: {file.size|gt: 10}\n  condition: selection\n", where: "file.size > 10u",
		match: []string{`{kind: file, file: {action: added, size: "11"}}`}, miss: []string{`{kind: file, file: {action: added, size: "10"}}`}},

	{name: "file_event", sigma: "logsource: {product: linux, category: file_event}\ndetection:\n  selection: {TargetFilename|startswith: /etc/cron.d/}\n  condition: selection\n",
		match: []string{`{kind: file, file: {action: added, path: /etc/cron.d/x}}`, `{kind: file, file: {action: changed, path: /etc/cron.d/x, before: {size: "3"}}}`},
		miss:  []string{`{kind: file, file: {action: changed, path: /etc/cron.d/x, before: {mode: "0600"}}}`, `{kind: file, file: {action: removed, path: /etc/cron.d/x}}`, `{kind: file, file: {action: added, path: /etc/x}}`}},
	{name: "file_delete", sigma: "logsource: {product: linux, category: file_delete}\ndetection:\n  selection: {TargetFilename|endswith: .log}\n  condition: selection\n",
		match: []string{`{kind: file, file: {action: removed, path: /var/x.log}}`}, miss: []string{`{kind: file, file: {action: added, path: /var/x.log}}`}},
}
