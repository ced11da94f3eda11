// Package redact takes what looks like a secret out of command lines, before
// they leave the host. It errs towards taking too little: what it takes is the
// value alone, up to where a shell or a URL would end it, so that nobody hides
// a command behind a word that sounds secret.
//
// It must never need more than one pass over its input, and must never be
// taken for a promise: a secret under a name of its own passes.
package redact

import (
	"bytes"
	"strings"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// Secrets is what to take out. The zero value takes out what is built in. It is
// safe for concurrent use.
type Secrets struct {
	// Off takes out nothing.
	Off bool
	// Words are further names of secrets, lower case, without dashes and
	// underscores: a name that ends in one has a secret for its value.
	Words []string
}

// Args returns the arguments without secrets, the program's name first, and
// whether there were any. What it returns shares memory with args.
func (s *Secrets) Args(args [][]byte) ([][]byte, bool) {
	if s.Off || len(args) == 0 {
		return args, false
	}
	out, found := make([][]byte, len(args)), false
	flags := flagsOf(args[0])
	hide := false // this argument is the value of the one before
	for i, arg := range args {
		switch {
		case hide && (len(arg) == 0 || arg[0] != '-'):
			out[i], hide = []byte(Mark), false
			found = true
			continue
		case i > 0 && flags != nil:
			if kept, next, ok := flags.match(arg); ok {
				out[i], hide = arg, next
				if kept > 0 {
					out[i] = append(bytes.Clone(arg[:kept]), Mark...)
					found = true
				}
				continue
			}
		}
		hide = i > 0 && s.flag(arg)
		var cut bool
		if out[i], cut = s.text(arg); cut {
			found = true
		}
	}
	return out, found
}

// flag tells whether the next argument is a secret: --password, -token.
func (s *Secrets) flag(arg []byte) bool {
	return len(arg) > 2 && arg[0] == '-' && len(keyRun(arg)) == len(arg) && s.secret(arg, 0)
}

// words end the names of secrets, without dashes, underscores and dots.
var words = []string{
	"password", "passwd", "passphrase", "passwort", "secret", "token", "apikey", "accesskey", "secretkey",
	"privatekey", "authkey", "encryptionkey", "credential", "credentials", "authorization", "cookie", "mysqlpwd",
}

// secret tells whether a name is that of a secret. In front of a colon, as in
// a header or in "registry/token:latest", only some names are.
func (s *Secrets) secret(key []byte, sep byte) bool {
	var buf [64]byte
	norm := buf[:0]
	for _, c := range key[max(0, len(key)-len(buf)):] {
		switch {
		case c == '-' || c == '_' || c == '.':
		case c >= 'A' && c <= 'Z':
			norm = append(norm, c|0x20)
		default:
			norm = append(norm, c)
		}
	}
	name := string(norm)
	for _, w := range words {
		if strings.HasSuffix(name, w) {
			return true
		}
	}
	for _, w := range s.Words {
		if w != "" && strings.HasSuffix(name, w) {
			return true
		}
	}
	lower := strings.ToLower(string(key[max(0, len(key)-16):]))
	return name == "pass" || strings.HasSuffix(lower, "_pass") || strings.HasSuffix(lower, "-pass") ||
		name == "pwd" && string(key) != "PWD" && sep == '='
}

// text takes secrets out of one argument, which may be a whole script.
func (s *Secrets) text(arg []byte) ([]byte, bool) {
	var out []byte
	from := 0 // what is before is in out
	hide := func(start, end int) {
		if end > start {
			out = append(append(out, arg[from:start]...), Mark...)
			from = end
		}
	}
	for i := 0; i < len(arg); {
		run := keyRun(arg[i:])
		if len(run) == 0 {
			if start, end, ok := userinfo(arg, i); ok {
				hide(start, end)
				i = end
				continue
			}
			i++
			continue
		}
		after := i + len(run)
		if start, end, ok := s.value(arg, run, i, after); ok {
			hide(start, end)
			i = max(end, after)
			continue
		}
		if isKnownToken(run) {
			hide(i, after)
		}
		i = after
	}
	if out == nil {
		return arg, false
	}
	return append(out, arg[from:]...), true
}

// value finds the value of a name at [i,after) of arg, where that is a secret.
func (s *Secrets) value(arg, run []byte, i, after int) (start, end int, ok bool) {
	at := after
	quoted := at < len(arg) && (arg[at] == '"' || arg[at] == '\'') && at+1 < len(arg) && (arg[at+1] == ':' || arg[at+1] == '=')
	if quoted { // as in {"token":"x"}
		at++
	}
	if at >= len(arg) {
		return 0, 0, false
	}
	sep := arg[at]
	switch {
	case sep == '=' || sep == ':':
		at++
	case sep == ' ' && run[0] == '-' && len(run) > 2: // --password x, in a script
	default:
		return 0, 0, false
	}
	if !s.secret(run, sep) {
		return 0, 0, false
	}
	for at < len(arg) && arg[at] == ' ' {
		at++
	}
	if sep == ' ' && at < len(arg) && arg[at] == '-' {
		return 0, 0, false
	}
	if i == 0 && run[0] == '-' && sep == '=' { // --password=all of it
		return at, len(arg), true
	}
	return at, valueEnd(arg, at, sep == ':' && isHeader(run)), true
}

// isHeader tells a name whose value has words.
func isHeader(key []byte) bool {
	return bytes.EqualFold(key, []byte("authorization")) || bytes.EqualFold(key, []byte("proxy-authorization")) ||
		bytes.EqualFold(key, []byte("cookie"))
}

// valueEnd is where a value that begins at start ends.
func valueEnd(arg []byte, start int, header bool) int {
	if start >= len(arg) {
		return start
	}
	if q := arg[start]; q == '"' || q == '\'' {
		for i := start + 1; i < len(arg); i++ {
			if arg[i] == '\\' && q == '"' {
				i++
			} else if arg[i] == q {
				return i + 1
			}
		}
		return len(arg)
	}
	stop := " \t\n\"'`;&|,<>(){}"
	if header {
		stop = "\n\"'`"
	}
	if i := bytes.IndexAny(arg[start:], stop); i >= 0 {
		return start + i
	}
	return len(arg)
}

// userinfo finds the password in a URL whose "://" is at i.
func userinfo(arg []byte, i int) (start, end int, ok bool) {
	if !bytes.HasPrefix(arg[i:], []byte("://")) {
		return 0, 0, false
	}
	host := i + 3
	stop := bytes.IndexAny(arg[host:], "/?# \t\n\"'")
	if stop < 0 {
		stop = len(arg) - host
	}
	at := bytes.LastIndexByte(arg[host:host+stop], '@')
	colon := bytes.IndexByte(arg[host:host+max(at, 0)], ':')
	if at < 0 || colon < 0 {
		return 0, 0, false
	}
	return host + colon + 1, host + at, true
}

// keyRun is what of b can be a name, from its beginning.
func keyRun(b []byte) []byte {
	for i, c := range b {
		if !isKey(c) {
			return b[:i]
		}
	}
	return b
}

func isKey(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}
