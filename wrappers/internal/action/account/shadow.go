package account

import (
	"bytes"
	"fmt"
	"slices"
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
