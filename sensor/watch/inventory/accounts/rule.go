//go:build linux

package accounts

import (
	"slices"
	"strings"
)

// rule reads "who hosts = (run as) TAG: command, command : hosts = ...". Where
// there are several of hosts, the parts of each are joined by " : ". ok is
// false where it is not of that form.
func (e *entry) rule(s string) (ok bool) {
	who, rest := cutList(s)
	if who == "" || rest == "" {
		return false
	}
	e.Who = who
	var hosts, runas, commands []string
	for _, part := range split(rest, ':') {
		at := index(part, '=')
		if at <= 0 {
			return false
		}
		host := strings.TrimSpace(part[:at])
		spec := specs{}
		if host == "" || !spec.parse(part[at+1:]) {
			return false
		}
		hosts = append(hosts, host)
		runas = append(runas, strings.Join(spec.runas, ", "))
		commands = append(commands, strings.Join(spec.commands, ", "))
		for _, t := range spec.tags {
			if !slices.Contains(e.Tags, t) {
				e.Tags = append(e.Tags, t)
			}
		}
	}
	e.Hosts = strings.Join(hosts, " : ")
	e.Commands = strings.Join(commands, " : ")
	if e.RunAs = strings.Join(runas, " : "); strings.Trim(e.RunAs, " :") == "" {
		e.RunAs = ""
	}
	return true
}

// specs are the commands of a rule and what is said before them.
type specs struct{ runas, tags, commands []string }

// parse reads "(run as) OPTION=value TAG: command, ...".
func (p *specs) parse(s string) bool {
	for _, one := range split(s, ',') {
		one = strings.TrimSpace(one)
		if strings.HasPrefix(one, "(") {
			end := index(one, ')')
			if end < 0 {
				return false
			}
			if r := one[:end+1]; len(p.runas) < 64 && !slices.Contains(p.runas, r) {
				p.runas = append(p.runas, r)
			}
			one = strings.TrimSpace(one[end+1:])
		}
		one = p.prefix(one)
		if one == "" {
			return false
		}
		p.commands = append(p.commands, one)
	}
	return true
}

// prefix takes options and tags off the front of a command. Options, as in
// "CWD=/", are kept with the tags, as written.
func (p *specs) prefix(s string) string {
	for {
		at := strings.IndexAny(s, ":= \\")
		if at <= 0 {
			return s
		}
		word := s[:at]
		switch {
		case s[at] == ':' && isTag(word):
			s = strings.TrimSpace(s[at+1:])
		case s[at] == '=' && slices.Contains(options, word):
			end := index(s, ' ')
			if end < 0 {
				return "" // an option of no command
			}
			word, s = s[:end], strings.TrimSpace(s[end:])
		default:
			rest := strings.TrimSpace(s[at:])
			if !isTag(word) || rest == "" || rest[0] != ':' { // "NOPASSWD : command"
				return s
			}
			s = strings.TrimSpace(rest[1:])
		}
		if word = text(word, costName); !slices.Contains(p.tags, word) && len(p.tags) < 32 {
			p.tags = append(p.tags, word)
		}
	}
}

// Tags and options of sudoers(5).
var (
	tags = []string{
		"EXEC", "NOEXEC", "FOLLOW", "NOFOLLOW", "LOG_INPUT", "NOLOG_INPUT", "LOG_OUTPUT", "NOLOG_OUTPUT",
		"MAIL", "NOMAIL", "INTERCEPT", "NOINTERCEPT", "PASSWD", "NOPASSWD", "SETENV", "NOSETENV",
	}
	options = []string{
		"ROLE", "TYPE", "PRIVS", "LIMITPRIVS", "APPARMOR_PROFILE", "NOTBEFORE", "NOTAFTER", "TIMEOUT", "CWD", "CHROOT",
	}
)

func isTag(word string) bool { return slices.Contains(tags, word) }

// cutList cuts off the list at the front: names with commas between them. It
// ends at the first blank that has no comma on either side.
func cutList(s string) (list, rest string) {
	for at := 0; ; {
		blank := index(s[at:], ' ')
		if blank < 0 {
			return s, ""
		}
		blank += at
		next := blank + len(s[blank:]) - len(strings.TrimLeft(s[blank:], " "))
		if next == len(s) {
			return s[:blank], ""
		}
		before := s[blank-min(blank, 1)]
		if before != ',' && before != '!' && s[next] != ',' {
			return s[:blank], s[next:]
		}
		at = next
	}
}

// index is where c first stands in s outside of quotes, parentheses and
// behind no backslash; -1 where it does not.
func index(s string, c byte) int {
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case quoted:
		case s[i] == '(':
			depth++
		case s[i] == ')':
			if depth--; depth <= 0 && c == ')' {
				return i
			}
		case s[i] == c && depth <= 0:
			return i
		}
	}
	return -1
}

// split cuts s at each such c; a colon behind a tag or the name of a digest is
// not one.
func split(s string, c byte) []string {
	var all []string
	from, quoted, depth := 0, false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case quoted:
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth = max(depth-1, 0)
		case s[i] == c && depth == 0 && (c != ':' || !belongs(lastWord(s[from:i]))):
			all = append(all, s[from:i])
			from = i + 1
		}
	}
	return append(all, s[from:])
}

// belongs tells the words whose colon belongs to them.
func belongs(word string) bool {
	switch word {
	case "sha224", "sha256", "sha384", "sha512":
		return true
	}
	return isTag(word)
}

// lastWord is the word at the end of s.
func lastWord(s string) string {
	s = strings.TrimRight(s, " ")
	return s[strings.LastIndexAny(s, " =,):")+1:]
}
