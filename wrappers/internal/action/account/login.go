package account

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

// Login is an account of /etc/passwd.
type Login struct {
	User, Home string
	UID        uint32
	// Shadowed is that its password is kept in /etc/shadow.
	Shadowed bool
	// Open is that it has a shell and has not expired. What is not understood
	// is not open.
	Open bool
	// Password is that it is open and has a password that can match.
	Password bool
	// Admin is that it can become root: it is root, or in one of the groups that
	// the sudoers files of distributions give everything to.
	Admin bool
}

// Logins are all accounts of this host. What sshd_config, PAM and sudoers say
// about single users is not looked into.
func Logins(root action.Root) ([]Login, error) {
	var files [3][]byte
	for i, path := range []string{passwd, shadow, "/etc/group"} {
		var err error
		if files[i], err = root.Read(path, mostBytes); err != nil && (i == 0 || !errors.Is(err, unix.ENOENT)) {
			return nil, err
		}
	}
	var logins []Login
	for line := range bytes.SplitSeq(files[0], []byte("\n")) {
		f := strings.Split(string(line), ":")
		if len(f) != 7 || f[0] == "" {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		l := Login{User: f[0], Home: f[5], UID: uint32(uid), Shadowed: f[1] == "x", Admin: uid == 0 || admin(files[2], f[0], f[3])}
		from, to, err := Line(files[1], f[0])
		s := strings.Split(string(files[1][max(from, 0):to]), ":")
		if err == nil && l.Shadowed && len(s) == 9 && !expiredBy(s[7]) && !strings.HasSuffix(f[6], "nologin") && !strings.HasSuffix(f[6], "false") {
			l.Open, l.Password = true, strings.HasPrefix(s[1], "$") || strings.HasPrefix(s[1], "_") || len(s[1]) == 13
		}
		logins = append(logins, l)
	}
	return logins, nil
}

// admin reports whether a user is in a group of administrators, by its first
// group or as a member. Source: group(5).
func admin(groups []byte, user, gid string) bool {
	for _, name := range []string{"sudo", "wheel", "admin"} {
		from, to, err := Line(groups, name)
		f := strings.Split(string(groups[max(from, 0):to]), ":")
		if err == nil && len(f) == 4 && (f[2] == gid || slices.Contains(strings.Split(f[3], ","), user)) {
			return true
		}
	}
	return false
}

// expiredBy reads field 8 of shadow(5): days since 1970, or nothing.
func expiredBy(field string) bool {
	day, err := strconv.ParseInt(field, 10, 64)
	return field != "" && (err != nil || day*86400 <= time.Now().Unix())
}

// otherLogin reports whether an account besides that of user can log in: it is
// open, and has a password that can match or a file of keys that is not empty.
func otherLogin(root action.Root, logins []Login, user string) bool {
	return slices.ContainsFunc(logins, func(l Login) bool {
		switch {
		case l.User == user || !l.Open:
			return false
		case l.Password || !filepath.IsAbs(l.Home):
			return l.Password
		}
		keys, _ := root.Read(filepath.Join(l.Home, ".ssh/authorized_keys"), mostBytes)
		return slices.ContainsFunc(bytes.Split(keys, []byte("\n")), isKey)
	})
}

func isKey(line []byte) bool {
	line = bytes.TrimSpace(line)
	return bytes.Contains(line, []byte(" AAAA")) && line[0] != '#'
}
