//go:build linux

package account_test

import (
	"strings"
	"testing"

	"picket.internal/sensor/watch/internal/account"
)

func TestPasswords(t *testing.T) {
	for field, want := range map[string]account.Password{
		"":                    account.PasswordNone,
		"!":                   account.PasswordLocked,
		"*":                   account.PasswordLocked,
		"!$6$salt$hash012345": account.PasswordLocked,
		"x":                   account.PasswordLocked,
		"$6$salt$hash012345":  account.PasswordSet,
		"abcdefghijklm":       account.PasswordSet,
	} {
		if name, got, ok := account.ParseShadow([]byte("a:" + field + ":1:::::")); !ok || name != "a" || got != want {
			t.Errorf("%q is %v, %v, want %v", field, got, ok, want)
		}
	}
	if u, ok := account.ParseUser([]byte("a:x:1:2:,:/h:/s")); !ok || u.Password != account.PasswordElsewhere {
		t.Errorf("%+v, %v", u, ok)
	}
}

// FuzzPasswd reads a line as each of the files. What is an entry is made of
// pieces of the line, and never of the password.
func FuzzPasswd(f *testing.F) {
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh"))
	f.Add([]byte("adm:x:4: syslog,,alice"))
	f.Add([]byte("a:$6$salt$hash012345:1:0:99999:7:::"))
	f.Fuzz(func(t *testing.T, line []byte) {
		fields := strings.Split(string(line), ":")
		if u, ok := account.ParseUser(line); ok {
			if u.Name == "" || u.Name != fields[0] || u.Home != fields[5] || u.Shell != fields[6] {
				t.Fatalf("%q is %+v", line, u)
			}
		} else if u != (account.User{}) {
			t.Fatalf("%q is refused and gives %+v", line, u)
		}
		if g, ok := account.ParseGroup(line); ok {
			for _, m := range g.Members {
				if m == "" || !strings.Contains(fields[3], m) {
					t.Fatalf("%q has the member %q", line, m)
				}
			}
		}
		if name, _, ok := account.ParseShadow(line); ok != (name != "") {
			t.Fatalf("%q is of %q, %v", line, name, ok)
		}
		account.Blank(line)
	})
}
