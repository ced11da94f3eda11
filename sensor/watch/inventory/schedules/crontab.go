package schedules

import (
	"bytes"
	"strings"
)

const (
	// maxLine is the longest line that is read, well above the 1,000 bytes at
	// which cron stops.
	maxLine = 16 << 10
	// maxEntries is how many entries of a crontab are kept.
	maxEntries = 10_000
)

// Entry is a line of a crontab, raw bytes.
type Entry struct {
	// When is the time specification, its fields parted by one space.
	When string
	// Account is the account that it runs as; empty where the crontab is one
	// account's own.
	Account string
	// Command is the rest of the line as written: a "%" in it stands for a
	// newline, and what follows the first is the command's input.
	Command string
}

// ParseCrontab reads crontab(5). system says that lines name an account before
// the command, as in /etc/crontab. Blank lines, comments and settings of the
// environment are left out; bad is how many other lines are no entries.
func ParseCrontab(data []byte, system bool) (entries []Entry, bad int) {
	return parse(data, func(line []byte) (Entry, bool) { return parseEntry(line, system) })
}

// ParseAnacrontab reads anacrontab(5): a period in days or @monthly, a delay
// in minutes, a name, a command. The account is root's.
func ParseAnacrontab(data []byte) (entries []Entry, bad int) {
	return parse(data, parseAnacron)
}

func parse(data []byte, one func([]byte) (Entry, bool)) (entries []Entry, bad int) {
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' || isSetting(line) {
			continue
		}
		e, ok := Entry{}, false
		if len(line) <= maxLine && len(entries) < maxEntries {
			e, ok = one(line)
		}
		if !ok {
			bad++
			continue
		}
		entries = append(entries, e)
	}
	return entries, bad
}

// isSetting tells whether a line sets the environment: a name, which may be
// quoted, and an equals sign. No time specification begins like a name.
func isSetting(line []byte) bool {
	c := line[0]
	if c != '_' && c != '"' && c != '\'' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
		return false
	}
	return bytes.IndexByte(line, '=') > 0
}

func parseEntry(line []byte, system bool) (Entry, bool) {
	var e Entry
	// SUSE's cron takes a dash for: do not log this one.
	line = bytes.TrimPrefix(line, []byte("-"))
	if len(line) > 0 && line[0] == '@' {
		var word []byte
		if word, line = field(line); !isNickname(word) {
			return Entry{}, false
		}
		e.When = string(word)
	} else {
		var when [5]string
		for i := range when {
			var f []byte
			if f, line = field(line); !isTime(f) {
				return Entry{}, false
			}
			when[i] = string(f)
		}
		if c := when[0][0]; c != '*' && c != '~' && c != '?' && (c < '0' || c > '9') {
			return Entry{}, false
		}
		e.When = strings.Join(when[:], " ")
	}
	if system {
		var account []byte
		account, line = field(line)
		e.Account = string(account)
	}
	e.Command = string(line)
	return e, e.Command != ""
}

func parseAnacron(line []byte) (Entry, bool) {
	period, line := field(line)
	delay, line := field(line)
	_, line = field(line)
	if len(line) == 0 || !isDigits(delay) || (!isDigits(period) && !isNickname(period)) {
		return Entry{}, false
	}
	return Entry{When: string(period) + " " + string(delay), Account: "root", Command: string(line)}, true
}

// field cuts off the first field of a line.
func field(line []byte) (first, rest []byte) {
	end := bytes.IndexAny(line, " \t")
	if end < 0 {
		return line, nil
	}
	return line[:end], bytes.TrimLeft(line[end:], " \t")
}

// isNickname tells a word such as "@reboot". Cron knows eight, others more.
func isNickname(word []byte) bool {
	if len(word) < 2 || len(word) > 32 || word[0] != '@' {
		return false
	}
	for _, c := range word[1:] {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// isTime tells whether bytes may be one of the five fields: numbers, names,
// ranges, lists and steps.
func isTime(f []byte) bool {
	for _, c := range f {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && bytes.IndexByte([]byte("*,-/~?#"), c) < 0 {
			return false
		}
	}
	return len(f) > 0 && len(f) <= 512
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 9
}
