package account

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket.internal/wrappers/internal/action"
)

// Line finds the line of a user in a file like /etc/shadow, without its end.
// There must be exactly one: which of two counts is not the same everywhere.
func Line(file []byte, user string) (from, to int, err error) {
	from, to = -1, 0
	for at := 0; at < len(file); {
		line := file[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		if bytes.HasPrefix(line, []byte(user+":")) {
			if from >= 0 {
				return 0, 0, fmt.Errorf("%q has two lines", user)
			}
			from, to = at, at+len(line)
		}
		at += len(line) + 1
	}
	if from < 0 {
		return 0, 0, fmt.Errorf("%q has no line", user)
	}
	return from, to, nil
}

// Locked is a line of /etc/shadow with the password locked and the account
// expired. Source: shadow(5), fields 2 and 8.
func Locked(line []byte) ([]byte, error) {
	fields := bytes.Split(line, []byte(":"))
	if len(fields) != 9 {
		return nil, fmt.Errorf("malformed line of %q: %d fields instead of 9", fields[0], len(fields))
	}
	if !bytes.HasPrefix(fields[1], []byte("!")) {
		fields[1] = append([]byte("!"), fields[1]...)
	}
	fields[7] = []byte(expired)
	return bytes.Join(fields, []byte(":")), nil
}

// Swap gives file with the line of a user changed from before to after, and
// file itself where it is after already. Anything else is an error.
func Swap(file []byte, user string, before, after []byte) ([]byte, error) {
	from, to, err := Line(file, user)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(file[from:to], after):
		return file, nil
	case !bytes.Equal(file[from:to], before):
		return nil, fmt.Errorf("the line of %q has been changed since", user)
	}
	return slices.Concat(file[:from], after, file[to:]), nil
}

// otherLogin reports whether an account besides that of user can log in: it has
// a shell, has not expired, and has a password that can match or a file of keys
// that is not empty. What it does not understand cannot.
func otherLogin(root action.Root, users, secrets []byte, user string) bool {
	for line := range bytes.SplitSeq(users, []byte("\n")) {
		f := strings.Split(string(line), ":")
		if len(f) != 7 || f[0] == "" || f[0] == user || strings.HasSuffix(f[6], "nologin") || strings.HasSuffix(f[6], "false") {
			continue
		}
		from, to, err := Line(secrets, f[0])
		s := strings.Split(string(secrets[max(from, 0):to]), ":")
		if err != nil || f[1] != "x" || len(s) != 9 {
			continue
		}
		if day, err := strconv.ParseInt(s[7], 10, 64); s[7] != "" && (err != nil || day*86400 <= time.Now().Unix()) {
			continue
		}
		keys := []byte{}
		if filepath.IsAbs(f[5]) {
			keys, _ = read(root, filepath.Join(f[5], ".ssh/authorized_keys"))
		}
		if strings.HasPrefix(s[1], "$") || strings.HasPrefix(s[1], "_") || len(s[1]) == 13 || slices.ContainsFunc(bytes.Split(keys, []byte("\n")), isKey) {
			return true
		}
	}
	return false
}

func isKey(line []byte) bool {
	line = bytes.TrimSpace(line)
	return bytes.Contains(line, []byte(" AAAA")) && line[0] != '#'
}
