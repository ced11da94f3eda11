//go:build linux

package accounts

import (
	"bytes"
	"strings"

	"picket.internal/fact"
)

// How an entry leads to others.
const (
	includeFile = iota + 1
	includeFolder
)

// entry is an entry of sudoers(5), taken apart.
type entry struct {
	fact.Sudoers
	include   int
	target    string // of an include
	malformed bool   // only its text is sure
}

// splitSudoers hands each entry of a file to each: the lines that a backslash
// joins as one, without comments. It returns how many were too long.
func splitSudoers(data []byte, each func(string)) (long int64) {
	var b strings.Builder
	over := false
	for len(data) > 0 || b.Len() > 0 || over {
		line, rest, _ := strings.Cut(string(data[:lineEnd(data)]), "\n")
		_ = rest
		data = data[lineEnd(data):]
		line = strings.TrimSuffix(line, "\r")
		line, comment := cutComment(line)
		joined := !comment && odd(line)
		if joined {
			line = line[:len(line)-1]
		}
		if over = over || b.Len()+len(line) > maxEntry; !over {
			b.WriteString(line)
		}
		if joined && len(data) > 0 {
			continue
		}
		if over {
			long++
		} else if e := strings.TrimSpace(b.String()); e != "" {
			each(e)
		}
		b.Reset()
		over = false
	}
	return long
}

// lineEnd is where the first line ends, its newline included.
func lineEnd(data []byte) int {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1
	}
	return len(data)
}

// odd tells whether a line ends in a backslash that none before it takes away.
func odd(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

// cutComment cuts a line where a comment begins: at a # that is neither
// escaped nor quoted, nor begins a user id, nor an include.
func cutComment(line string) (rest string, comment bool) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted:
			before, after := strings.TrimSpace(line[:i]), line[i+1:]
			if before == "" && (isWord(after, "include") || isWord(after, "includedir")) {
				return line, false
			}
			if after != "" && (digit(after[0]) || after[0] == '-') && idMayBegin(before) {
				continue
			}
			return line[:i], true
		}
	}
	return line, false
}

// idMayBegin tells whether a user id may follow, as in "#0" or "(#0)".
func idMayBegin(before string) bool {
	return before == "" || strings.IndexByte(",(:!%=>@", before[len(before)-1]) >= 0
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// isWord tells whether s begins with the word.
func isWord(s, word string) bool {
	rest, ok := strings.CutPrefix(s, word)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

// parseSudoers takes an entry apart as far as it is understood.
func parseSudoers(e string) entry {
	out := entry{Sudoers: fact.Sudoers{Text: e}}
	word, rest, _ := strings.Cut(strings.ReplaceAll(e, "\t", " "), " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "@include", "#include", "@includedir", "#includedir":
		out.Type = "include"
		out.include = includeFile
		if strings.HasSuffix(word, "dir") {
			out.include = includeFolder
		}
		out.target = firstPath(rest)
		out.malformed = out.target == ""
	case "User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias":
		out.Type = "alias"
		out.alias(word, rest)
	default:
		if len(word) >= 8 && word[:8] == "Defaults" && (len(word) == 8 || strings.IndexByte("@:!>", word[8]) >= 0) {
			out.Type = "default"
			out.defaults(word, rest)
			break
		}
		out.Type = "rule"
		if !out.rule(strings.ReplaceAll(e, "\t", " ")) {
			out.malformed = true
			out.Who, out.Hosts, out.RunAs, out.Tags, out.Commands = "", "", "", nil, ""
		}
	}
	if out.malformed {
		out.include = 0
	}
	out.bound()
	return out
}

// bound keeps the parts within what a fact holds. The text has the whole.
func (e *entry) bound() {
	for _, s := range []*string{&e.Who, &e.Hosts, &e.RunAs, &e.Commands} {
		*s = text(*s, costPart)
	}
}

// firstPath is the path at the beginning of s: in quotes, or up to a blank
// that has no backslash before it.
func firstPath(s string) string {
	end := func(c byte) bool { return c == ' ' || c == '\t' }
	if rest, ok := strings.CutPrefix(s, `"`); ok {
		s, end = rest, func(c byte) bool { return c == '"' }
	}
	var b strings.Builder
	for i := 0; i < len(s) && !end(s[i]); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// defaults reads "Defaults:who parameters".
func (e *entry) defaults(word, rest string) {
	scope := word[8:]
	if scope != "" {
		switch scope[0] {
		case ':':
			e.Who = scope[1:]
		case '@':
			e.Hosts = scope[1:]
		case '>':
			e.RunAs = scope[1:]
		case '!':
			e.Commands = scope[1:]
		}
		e.malformed = len(scope) == 1
	}
	e.malformed = e.malformed || rest == ""
}

// alias reads "NAME = list : NAME = list"; where there are several, only the
// text has them all.
func (e *entry) alias(word, rest string) {
	name, value, ok := strings.Cut(rest, "=")
	if name = strings.TrimSpace(name); !ok || !isAlias(name) || strings.TrimSpace(value) == "" {
		e.malformed = true
		return
	}
	value = strings.TrimSpace(value)
	switch word {
	case "User_Alias":
		e.Who = value
	case "Runas_Alias":
		e.RunAs = value
	case "Host_Alias":
		e.Hosts = value
	default:
		e.Commands = value
	}
}

// isAlias tells whether s is a name of an alias.
func isAlias(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '_' && !digit(c) {
			return false
		}
	}
	return s != "" && s[0] >= 'A' && s[0] <= 'Z'
}
