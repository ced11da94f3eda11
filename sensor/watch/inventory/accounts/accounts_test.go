//go:build linux

package accounts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/accounts"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// root is a folder with these files below it; a name that ends in a slash is a
// folder.
func root(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return dir
}

func read(t testing.TB, root string) *inventory.Reading {
	t.Helper()
	r, err := accounts.New(accounts.Config{Root: root}).Read(context.Background())
	must(t, err)
	return r
}

// lines are facts as a test reads them.
func lines(r *inventory.Reading, kind fact.Kind) (all []string) {
	for _, f := range r.Facts {
		if f.Kind != kind {
			continue
		}
		switch {
		case f.User != nil:
			u := f.User
			l := fmt.Sprintf("%s %s %s(%s) %s %s %v", u.Name, u.ID, u.GroupID, u.GroupName, u.Home, u.Shell, u.Groups)
			if u.Locked {
				l += " locked"
			}
			if u.NoPassword {
				l += " no password"
			}
			all = append(all, l)
		case f.Group != nil:
			all = append(all, fmt.Sprintf("%s %s %v", f.Group.Name, f.Group.ID, f.Group.Members))
		case f.Sudoers != nil:
			all = append(all, fmt.Sprintf("%s %s: %s", f.Sudoers.Path, f.Sudoers.Type, f.Sudoers.Text))
		}
	}
	return all
}

func gaps(r *inventory.Reading) (all []string) {
	for _, g := range r.Gaps {
		l := fmt.Sprintf("%s %s %d: %s", g.Of, g.Cause, g.Count, g.Reason)
		if g.Whole {
			l += " (whole)"
		}
		all = append(all, l)
	}
	return all
}

func check(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const hash = "$y$j9T$abcdefghijklmnopqrstuv$0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"

func TestUsersAndGroups(t *testing.T) {
	r := read(t, root(t, map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\ndaemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n" +
			"alice:x:1000:1000:A,,,:/home/alice:/bin/zsh\nopen::1001:100::/home/open:/bin/sh\nfree:x:1002:100::/home/free:/bin/sh\n" +
			"old:abcdefghijklm:1003:100::/:/bin/sh\nnew:x:1004:7::/:\n+nis\n# comment\n\n",
		"etc/group":  "root:x:0:\nusers:x:100:alice,free\nalice:x:1000:\nadm:x:4: syslog, alice\nagain:x:1000:alice\n",
		"etc/shadow": "root:" + hash + ":1:0:99999:7:::\ntoor:!:1::::::\nalice:!" + hash + ":1:0:99999:7:::\nfree::1:0:99999:7:::\n",
	}))
	check(t, "users", lines(r, fact.KindUser),
		"root 0 0(root) /root /bin/bash []",
		"toor 0 0(root) /root /bin/sh [] locked",
		"daemon 1 1() /usr/sbin /usr/sbin/nologin [] locked",
		"alice 1000 1000(alice) /home/alice /bin/zsh [adm again users] locked",
		"open 1001 100(users) /home/open /bin/sh [] no password",
		"free 1002 100(users) /home/free /bin/sh [users] no password",
		"old 1003 100(users) / /bin/sh []",
		"new 1004 7() /  [] locked")
	check(t, "groups", lines(r, fact.KindGroup),
		"root 0 []", "users 100 [alice free]", "alice 1000 []", "adm 4 [alice syslog]", "again 1000 [alice]")
	check(t, "gaps", gaps(r))
}

// TestNoHashLeaves looks for the hash, and pieces of it, in all that is told.
func TestNoHashLeaves(t *testing.T) {
	r := read(t, root(t, map[string]string{
		"etc/passwd": "a:" + hash + ":1:1::/:/bin/sh\nb:x:2:2::/:/bin/sh\nbroken:" + hash + "\n",
		"etc/group":  "g:" + hash + ":1:\nbroken:" + hash + "\n",
		"etc/shadow": "b:" + hash + ":1:::::\n" + hash + "\n:" + hash + ":\n",
	}))
	out, err := json.Marshal(r)
	must(t, err)
	for _, piece := range []string{hash, hash[:12], hash[len(hash)-12:]} {
		if strings.Contains(string(out), piece) {
			t.Errorf("%q is in %s", piece, out)
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	passwd := "root:x:0:0::/root:/bin/sh\nx:*:1:1::/:/bin/sh\n"
	r := read(t, root(t, map[string]string{"etc/passwd": passwd, "etc/shadow/": ""}))
	check(t, "gaps", gaps(r),
		"group unreadable 1: read group: no such file or directory (whole)",
		"user unreadable 3: which accounts are locked is not known: read shadow: not a regular file")
	check(t, "users", lines(r, fact.KindUser), "root 0 0() /root /bin/sh []", "x 1 1() / /bin/sh [] locked")

	r = read(t, root(t, map[string]string{
		"etc/group": "a:x:1:\nb:x\na:x:2:\nc:x:y:\n" + strings.Repeat("n", 300) + ":x:3:\n", "etc/shadow": "broken\n",
		"etc/passwd": passwd + "root:x:1:1::/:/bin/sh\nfew:x:1:1\nid:x:-1:1::/:\n" + strings.Repeat("x", 10<<20) + "\nlast:x:5:1::/:/bin/sh\n",
	}))
	check(t, "gaps", gaps(r),
		"user malformed 5: lines of passwd are malformed, too long, or of a name that an earlier line has",
		"group malformed 4: lines of group are malformed, too long, or of a name that an earlier line has")
	if got := lines(r, fact.KindUser); len(got) != 3 || !strings.HasPrefix(got[2], "last 5 1(a)") {
		t.Errorf("users %q", got)
	}
}

// TestHugeFiles reads a passwd of a gigabyte, behind whose first lines there
// is nothing, and one that is full of accounts.
func TestHugeFiles(t *testing.T) {
	dir := root(t, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "", "etc/shadow": ""})
	must(t, os.Truncate(filepath.Join(dir, "etc/passwd"), 1<<30))
	began := time.Now()
	r := read(t, dir)
	if got := lines(r, fact.KindUser); len(got) != 1 || time.Since(began) > 20*time.Second {
		t.Errorf("users %.200q after %v", got, time.Since(began))
	}
	check(t, "gaps", gaps(r),
		"user malformed 1: lines of passwd are malformed, too long, or of a name that an earlier line has",
		"user inventory_cut 1: passwd is larger than the sensor reads")

	var b strings.Builder
	for i := range inventory.MaxEntities + 7 {
		fmt.Fprintf(&b, "u%d:x:%d:1::/:/bin/sh\n", i, i)
	}
	must(t, os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte(b.String()), 0o644))
	r = read(t, dir)
	check(t, "gaps", gaps(r), "user inventory_cut 7: passwd is larger than the sensor reads")
	if n := len(lines(r, fact.KindUser)); n != inventory.MaxEntities {
		t.Errorf("%d users", n)
	}
}

func TestOddFiles(t *testing.T) {
	dir := root(t, map[string]string{"etc/": ""})
	for _, name := range []string{"passwd", "group", "shadow", "sudoers"} {
		must(t, unix.Mkfifo(filepath.Join(dir, "etc", name), 0o644))
	}
	check(t, "gaps", gaps(read(t, dir)),
		"user unreadable 1: read passwd: not a regular file (whole)",
		"group unreadable 1: read group: not a regular file (whole)",
		"sudoers unreadable 1: read /etc/sudoers: not a regular file (whole)")
}

// TestSwappedWhileRead reads while a file is replaced all the time. Each
// reading is of one file or the other.
func TestSwappedWhileRead(t *testing.T) {
	dir := root(t, map[string]string{"etc/passwd": "a:x:1:1::/:/a\n", "etc/group": "", "etc/shadow": "", "one": "a:x:1:1::/:/a\n", "two": "b:x:1:1::/:/b\n"})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			link := filepath.Join(dir, "link")
			_ = os.Symlink(filepath.Join(dir, []string{"one", "two", "gone"}[i%3]), link)
			_ = os.Rename(link, filepath.Join(dir, "etc/passwd"))
		}
	}()
	for range 300 {
		r := read(t, dir)
		got := strings.Join(lines(r, fact.KindUser), ";")
		if got != "" && !strings.HasPrefix(got, "a 1") && !strings.HasPrefix(got, "b 1") {
			t.Fatalf("%q", got)
		}
		if got == "" && len(r.Gaps) == 0 {
			t.Fatal("nobody, and no gap")
		}
	}
	close(stop)
	<-done
}

func TestSudoersPolicy(t *testing.T) {
	dir := root(t, map[string]string{
		"etc/passwd": "", "etc/group": "", "etc/shadow": "",
		"etc/sudoers":             "root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n@include \"local rules\"\n@include missing\n@include sudoers\n",
		"etc/sudoers.d/b":         "b ALL=NOPASSWD: ALL\n#include ../sudoers.d/loop\n",
		"etc/sudoers.d/a":         "a ALL=ALL\na ALL=ALL\nwhat is this\n",
		"etc/sudoers.d/loop":      "@include b\nl ALL=ALL\n",
		"etc/sudoers.d/README.md": "no ALL=ALL\n",
		"etc/sudoers.d/backup~":   "no ALL=ALL\n",
		"etc/sudoers.d/.hidden":   "no ALL=ALL\n",
		"etc/sudoers.d/sub/inner": "no ALL=ALL\n",
		"etc/local rules":         "@includedir empty\nlong ALL=" + strings.Repeat("/bin/x, ", 2000) + "/bin/last\n",
		"etc/empty/":              "",
	})
	r := read(t, dir)
	got := lines(r, fact.KindSudoers)
	if n := len(got); n > 0 && len(got[n-1]) < 9000 {
		for i := range got {
			if strings.Contains(got[i], "long ALL=") {
				got[i] = got[i][:40] + got[i][len(got[i])-28:]
			}
		}
	}
	slices.Sort(got)
	check(t, "entries", got,
		"/etc/local rules include: @includedir empty",
		"/etc/local rules rule: long ALL=/bin/x,  ... sha256:9b538c797ac289f2",
		"/etc/sudoers include: @include \"local rules\"",
		"/etc/sudoers include: @include missing",
		"/etc/sudoers include: @include sudoers",
		"/etc/sudoers include: @includedir /etc/sudoers.d",
		"/etc/sudoers rule: root ALL=(ALL:ALL) ALL",
		"/etc/sudoers.d/a rule: a ALL=ALL",
		"/etc/sudoers.d/a rule: what is this",
		"/etc/sudoers.d/b include: #include ../sudoers.d/loop",
		"/etc/sudoers.d/b rule: b ALL=NOPASSWD: ALL",
		"/etc/sudoers.d/loop include: @include b",
		"/etc/sudoers.d/loop rule: l ALL=ALL")
	check(t, "gaps", gaps(r),
		"sudoers malformed 1: entries of the sudoers policy are told by their text alone: they are not understood",
		"sudoers unreadable 1: read /etc/sudoers.d/sub: not a regular file")
}

func TestWatch(t *testing.T) {
	dir := root(t, map[string]string{"etc/passwd": "", "etc/sudoers": "@includedir /etc/more\n@include /etc/other\n"})
	s := accounts.New(accounts.Config{Root: dir})
	_, err := s.Read(context.Background())
	must(t, err)
	var want []string
	for _, p := range []string{"passwd", "group", "shadow", "sudoers", "sudoers.d", "more", "other"} {
		want = append(want, filepath.Join(dir, "etc", p))
	}
	check(t, "watched", s.Watch(), want...)
}

// TestEveryKeyIsOnce holds the entities of this machine and of a hostile one to
// what the inventory needs of them.
func TestEveryKeyIsOnce(t *testing.T) {
	hostile := root(t, map[string]string{
		"etc/passwd": "a\xff:x:1:1::/:/\na\xfe:x:2:2::/:/\n", "etc/group": "g:x:1:" + strings.Repeat("m\x01,", 50_000) + "\n",
		"etc/shadow": "", "etc/sudoers": strings.Repeat("x ALL=ALL\n", 100),
	})
	for _, dir := range []string{"/", hostile} {
		seen := make(map[string]bool)
		for _, f := range read(t, dir).Facts {
			e, ok, err := f.Entity()
			if err != nil || !ok || seen[string(e.Kind)+e.Key] {
				t.Errorf("%v, %v: %q", ok, err, e.Key)
			}
			seen[string(e.Kind)+e.Key] = true
			if len(e.State) > 64<<10 {
				t.Errorf("%q takes %d bytes", e.Key, len(e.State))
			}
		}
	}
}

// TestRealOutput finds in passwd and group of an Ubuntu what another parser
// found there.
func TestRealOutput(t *testing.T) {
	corpus := testneed.Corpus(t, "host-command-output/ubuntu-18.04")
	load := func(name string, into any) string {
		data, err := os.ReadFile(filepath.Join(corpus, name+".json"))
		must(t, err)
		must(t, json.Unmarshal(data, into))
		data, err = os.ReadFile(filepath.Join(corpus, name+".out"))
		must(t, err)
		return string(data)
	}
	var users []struct {
		Username, Home, Shell string
		UID, GID              int
	}
	var groups []struct {
		Name    string `json:"group_name"`
		GID     int
		Members []string
	}
	r := read(t, root(t, map[string]string{"etc/passwd": load("passwd", &users), "etc/group": load("group", &groups), "etc/shadow": ""}))
	var got, want []string
	for _, u := range users {
		want = append(want, fmt.Sprint(u.Username, u.UID, u.GID, u.Home, u.Shell))
	}
	for _, g := range groups {
		slices.Sort(g.Members)
		want = append(want, fmt.Sprint(g.Name, g.GID, g.Members))
	}
	for _, f := range r.Facts {
		if u := f.User; u != nil {
			got = append(got, fmt.Sprint(u.Name, number(t, u.ID), number(t, u.GroupID), u.Home, u.Shell))
		} else if g := f.Group; g != nil {
			got = append(got, fmt.Sprint(g.Name, number(t, g.ID), g.Members))
		}
	}
	check(t, "entities", got, want...)
	check(t, "gaps", gaps(r))
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	must(t, err)
	return n
}

// TestRealAccount makes an account on this machine, and takes it away.
func TestRealAccount(t *testing.T) {
	testneed.Root(t)
	useradd := testneed.Command(t, "useradd", "apt-get install passwd")
	const name = "picket-test-acct"
	remove := func() { _ = exec.Command("userdel", name).Run() }
	remove()
	t.Cleanup(remove)
	if out, err := exec.Command(useradd, "--no-create-home", "--shell", "/usr/sbin/nologin", "-G", "daemon", name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	find := func() *fact.User {
		for _, f := range read(t, "").Facts {
			if f.User != nil && f.User.Name == name {
				return f.User
			}
		}
		return nil
	}
	u := find()
	if u == nil || !u.Locked || u.Shell != "/usr/sbin/nologin" || !slices.Equal(u.Groups, []string{"daemon"}) {
		t.Fatalf("%+v", u)
	}
	remove()
	if u := find(); u != nil {
		t.Errorf("still there: %+v", u)
	}
}
