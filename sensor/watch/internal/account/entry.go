//go:build linux

package account

import (
	"bytes"
	"strconv"
	"strings"
)

// Password is what a file says of an account's password, without saying it.
type Password uint8

// What there is to say of a password.
const (
	PasswordElsewhere Password = iota // shadow(5) says it
	PasswordSet
	PasswordNone   // an empty one lets everybody in
	PasswordLocked // none lets the account in
)

// User is a line of passwd(5).
type User struct {
	Name, Home, Shell string // raw bytes
	UID, GID          uint32
	Password          Password
}

// Group is a line of group(5).
type Group struct {
	Name    string // raw bytes
	GID     uint32
	Members []string
}

// Blank tells the lines of all these files that are about nobody: empty ones,
// comments, and those by which the C library asks a name service.
func Blank(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return len(line) == 0 || line[0] == '#' || line[0] == '+' || line[0] == '-'
}

// ParseUser reads a line of passwd(5): name, password, user id, group id,
// comment, home, shell.
func ParseUser(line []byte) (User, bool) {
	f := strings.Split(string(line), ":")
	if len(f) != 7 || f[0] == "" || len(f[0]) > maxName {
		return User{}, false
	}
	uid, err1 := strconv.ParseUint(f[2], 10, 32)
	gid, err2 := strconv.ParseUint(f[3], 10, 32)
	if err1 != nil || err2 != nil {
		return User{}, false
	}
	u := User{Name: f[0], UID: uint32(uid), GID: uint32(gid), Home: f[5], Shell: f[6]}
	if f[1] != "x" {
		u.Password = passwordOf(f[1])
	}
	return u, true
}

// ParseGroup reads a line of group(5): name, password, id, members.
func ParseGroup(line []byte) (Group, bool) {
	f := strings.Split(string(line), ":")
	if len(f) != 4 || f[0] == "" || len(f[0]) > maxName {
		return Group{}, false
	}
	gid, err := strconv.ParseUint(f[2], 10, 32)
	if err != nil {
		return Group{}, false
	}
	g := Group{Name: f[0], GID: uint32(gid)}
	for m := range strings.SplitSeq(f[3], ",") {
		if m = strings.TrimSpace(m); m != "" {
			g.Members = append(g.Members, m)
		}
	}
	return g, true
}

// ParseShadow reads of a line of shadow(5) whose it is and what kind of
// password it holds, and never the hash.
func ParseShadow(line []byte) (name string, p Password, ok bool) {
	n, rest, ok := bytes.Cut(line, []byte(":"))
	hash, _, more := bytes.Cut(rest, []byte(":"))
	if !ok || !more || len(n) == 0 || len(n) > maxName {
		return "", 0, false
	}
	return string(n), passwordOf(string(hash)), true
}

// passwordOf judges a password field. What crypt(3) can make has 13 characters
// or begins with a dollar sign or an underscore; anything else matches nothing.
func passwordOf(field string) Password {
	switch {
	case field == "":
		return PasswordNone
	case len(field) >= 13 && strings.IndexByte("!*", field[0]) < 0:
		return PasswordSet
	}
	return PasswordLocked
}
