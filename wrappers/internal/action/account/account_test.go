package account_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/account"
)

const (
	users = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/sh\nlocal:nothash:1002:1002::/home/local:/bin/sh\nlost:x:1003:1003::/:/bin/sh\n"
	// The file has what real ones have: a comment, an empty line, no end of the last.
	secrets = "root:*:19000:0:99999:7:::\n# kept by hand\ndaemon:*:19000:0:99999:7:::\n\nalice:$y$j9T$abc$def:19500:0:99999:7:30::\nbob:!:19500:0:99999:7:::\nlocal:$6$x:1:::::: "
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func host(t testing.TB) action.Root {
	testneed.Root(t)
	root := action.Root{Dir: t.TempDir()}
	must(t, os.MkdirAll(filepath.Join(root.Dir, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(root.Dir, "etc/passwd"), []byte(users), 0o644))
	shadow := filepath.Join(root.Dir, "etc/shadow")
	must(t, os.WriteFile(shadow, []byte(secrets), 0o640))
	must(t, os.Chown(shadow, 0, 42))
	must(t, unix.Setxattr(shadow, "trusted.label", []byte("shadow_t"), 0))
	return root
}

func keys(t testing.TB, root action.Root, user string) {
	t.Helper()
	dir := filepath.Join(root.Dir, "home", user, ".ssh")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "authorized_keys"), []byte("# mine\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA x\n"), 0o600))
}

func refused(t testing.TB, err error, code string) {
	t.Helper()
	var r *action.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("%v, want the refusal %s", err, code)
	}
}

type seen struct {
	Bytes          string
	Mode, UID, GID uint32
	Label, Folder  string
}

func look(t testing.TB, root action.Root) seen {
	t.Helper()
	path := filepath.Join(root.Dir, "etc/shadow")
	data, err := os.ReadFile(path)
	must(t, err)
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	label := make([]byte, 64)
	n, err := unix.Getxattr(path, "trusted.label", label)
	must(t, err)
	var names []string
	list, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	for _, e := range list {
		if e.Name() != ".pwd.lock" {
			names = append(names, e.Name())
		}
	}
	return seen{string(data), st.Mode, st.Uid, st.Gid, string(label[:n]), strings.Join(names, " ")}
}

func prepare(t testing.TB, root action.Root, args account.Args) *account.Record {
	t.Helper()
	r, err := account.Prepare(root, args, false)
	must(t, err)
	data, err := strictjson.Encode(r)
	must(t, err)
	var again account.Record
	must(t, strictjson.Decode(data, strictjson.Limits{}, &again, nil))
	return &again
}

func TestDisableAndEnable(t *testing.T) {
	root := host(t)
	keys(t, root, "bob")
	before := look(t, root)
	r := prepare(t, root, account.Args{User: "alice"})
	for range 2 {
		effect, err := r.Do(root)
		if must(t, err); effect["password"] != "locked" || effect["expires"] != "1970-01-02" {
			t.Errorf("effect %v", effect)
		}
		want := before
		want.Bytes = strings.Replace(secrets, "alice:$y$j9T$abc$def:19500:0:99999:7:30::", "alice:!$y$j9T$abc$def:19500:0:99999:7:30:1:", 1)
		if diff := cmp.Diff(want, look(t, root)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for range 2 {
		_, err := r.Undo(root)
		must(t, err)
		if diff := cmp.Diff(before, look(t, root)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	}
}

// TestOthersChangeShadow: what others change in between stays, but a line that
// is not what was left is not touched.
func TestOthersChangeShadow(t *testing.T) {
	root := host(t)
	keys(t, root, "bob")
	shadow := filepath.Join(root.Dir, "etc/shadow")
	r := prepare(t, root, account.Args{User: "alice"})
	_, err := r.Do(root)
	must(t, err)
	edited := "carol:*:1::::::\n" + strings.Replace(look(t, root).Bytes, "bob:!:", "bob:*:", 1)
	must(t, os.WriteFile(shadow, []byte(edited), 0))
	_, err = r.Undo(root)
	must(t, err)
	if got, want := look(t, root).Bytes, "carol:*:1::::::\n"+strings.Replace(secrets, "bob:!:", "bob:*:", 1); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, line := range []string{"alice:$y$new:2::::::", "alice:$y$j9T$abc$def:19500:0:99999:7:30:1:\nalice:x"} {
		edited = strings.Replace(secrets, "alice:$y$j9T$abc$def:19500:0:99999:7:30::", line, 1)
		must(t, os.WriteFile(shadow, []byte(edited), 0))
		_, err = r.Do(root)
		refused(t, err, "account.changed_since")
		_, err = r.Undo(root)
		refused(t, err, "account.changed_since")
		if got := look(t, root).Bytes; got != edited {
			t.Errorf("it was changed to %q", got)
		}
	}
}

func TestWhoIsNotLocked(t *testing.T) {
	root := host(t)
	for _, c := range []struct{ user, code string }{
		{"", "eat.bad_param"},
		{"alice:x", "eat.bad_param"},
		{"a\nb", "eat.bad_param"},
		{"nobody", "account.not_local"},
		{"ali", "account.not_local"},
		{"local", "account.no_shadow"},
		{"lost", "account.no_shadow"},
		{"root", "account.root"},
		{"alice", "account.last_login"}, // bob has no password, and no keys yet
	} {
		_, err := account.Prepare(root, account.Args{User: c.user}, false)
		t.Log(c.user, err)
		refused(t, err, c.code)
	}
	_, err := account.Prepare(root, account.Args{User: "root", Sessions: true}, true)
	refused(t, err, "account.root")
	for _, user := range []string{"alice", "root"} {
		if _, err = account.Prepare(root, account.Args{User: user}, true); err != nil {
			t.Errorf("%s with the policy's word: %v", user, err)
		}
	}
	keys(t, root, "bob")
	if _, err = account.Prepare(root, account.Args{User: "alice"}, false); err != nil {
		t.Errorf("beside bob's key: %v", err)
	}
	gone := strings.Replace(secrets, "bob:!:19500:0:99999:7:::", "bob:!:19500:0:99999:7::1:", 1)
	must(t, os.WriteFile(filepath.Join(root.Dir, "etc/shadow"), []byte(gone), 0))
	_, err = account.Prepare(root, account.Args{User: "alice"}, false)
	refused(t, err, "account.last_login")
	if got := look(t, root).Bytes; got != gone {
		t.Errorf("it was changed to %q", got)
	}
}

// TestTwoLines: which of two accounts with one name counts is not the same
// everywhere, so neither is locked.
func TestTwoLines(t *testing.T) {
	for path, code := range map[string]string{"etc/passwd": "account.not_local", "etc/shadow": "account.no_shadow"} {
		root := host(t)
		was, err := os.ReadFile(filepath.Join(root.Dir, path))
		must(t, err)
		more := "alice:x:1009:1009::/home/alice:/bin/sh\n"
		if path == "etc/shadow" {
			more = "alice:$y$j9T$x$y:19500::::::\n"
		}
		must(t, os.WriteFile(filepath.Join(root.Dir, path), append([]byte(more), was...), 0o640))
		_, err = account.Prepare(root, account.Args{User: "alice"}, true)
		refused(t, err, code)
	}
}

// TestLockIsHeld: passwd and useradd wait for it, and it waits for them.
func TestLockIsHeld(t *testing.T) {
	if path := os.Getenv("ACCOUNT_TEST_LOCK"); path != "" {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		must(t, err)
		must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK}))
		fmt.Println("locked")
		var b [1]byte
		os.Stdin.Read(b[:])
		return
	}
	root := host(t)
	keys(t, root, "bob")
	r := prepare(t, root, account.Args{User: "alice"})
	cmd := exec.Command("/proc/self/exe", "-test.run", "TestLockIsHeld")
	cmd.Env = append(os.Environ(), "ACCOUNT_TEST_LOCK="+filepath.Join(root.Dir, "etc/.pwd.lock"))
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line := make([]byte, 7)
	if _, err := out.Read(line); err != nil || string(line) != "locked\n" {
		t.Fatalf("%q, %v", line, err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := r.Do(root)
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if got := look(t, root).Bytes; got != secrets {
		t.Errorf("it was changed to %q", got)
	}
	in.Close()
	must(t, <-done)
	must(t, cmd.Wait())
}

// TestSessions: whatever the user runs ends, also what starts more all the
// time, and nobody else's.
func TestSessions(t *testing.T) {
	root := host(t)
	keys(t, root, "bob")
	const uid = 54_321
	must(t, os.WriteFile(filepath.Join(root.Dir, "etc/passwd"), []byte(strings.Replace(users, "alice:x:1000:", "alice:x:54321:", 1)), 0o644))
	sh := testneed.Command(t, "sh", "apt-get install dash")
	run := func(uid uint32, script string) *exec.Cmd {
		cmd := exec.Command(sh, "-c", script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}, Pdeathsig: unix.SIGKILL}
		must(t, cmd.Start())
		return cmd
	}
	hers := []*exec.Cmd{run(uid, "sleep 1000; :"), run(uid, "i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i+1)); done; wait")}
	other := run(uid+1, "read x; :")
	defer func() { other.Process.Kill(); other.Wait() }()
	var wait sync.WaitGroup
	for _, cmd := range hers {
		wait.Go(func() { cmd.Wait() })
	}
	r := prepare(t, root, account.Args{User: "alice", Sessions: true})
	effect, err := r.Do(root)
	must(t, err)
	t.Log(effect["sessions"])
	wait.Wait()
	pids, err := action.PIDs()
	must(t, err)
	for _, pid := range pids {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if bytes.Contains(status, []byte("Uid:\t54321")) && !bytes.Contains(status, []byte("State:\tZ")) {
			t.Errorf("there is still process %d", pid)
		}
	}
	if other.Process.Signal(unix.Signal(0)) != nil {
		t.Error("somebody else's process was ended")
	}
	if effect["sessions"] == "" || strings.HasPrefix(effect["sessions"], "none left, 0") {
		t.Errorf("effect %v", effect)
	}
}

// TestReplacedMeanwhile: one who writes the file without the lock loses nothing.
func TestReplacedMeanwhile(t *testing.T) {
	root := host(t)
	dir, err := os.Open(filepath.Join(root.Dir, "etc"))
	must(t, err)
	defer dir.Close()
	f, _, err := action.Regular(dir, "shadow")
	must(t, err)
	defer f.Close()
	must(t, os.Rename(filepath.Join(dir.Name(), "shadow"), filepath.Join(dir.Name(), "shadow-")))
	must(t, os.WriteFile(filepath.Join(dir.Name(), "shadow"), []byte("theirs"), 0o600))
	if err := action.Replace(dir, "shadow", f, []byte(secrets), []byte("ours")); !errors.Is(err, action.ErrChanged) {
		t.Errorf("replacing says %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir.Name(), "shadow")); string(data) != "theirs" {
		t.Errorf("there is %q", data)
	}
}

// FuzzShadow: whatever the file is, locking a user changes nothing outside of
// that user's line, and undoing it gives the same bytes.
func FuzzShadow(f *testing.F) {
	f.Add([]byte(secrets), "alice")
	f.Add([]byte(secrets), "local")
	f.Add([]byte("a:b:c:d:e:f:g:h:i"), "a")
	f.Add([]byte("\n\na::::::::\n\n"), "a")
	f.Add([]byte("a::::::::\r\nab::::::::\x00"), "ab")
	f.Add([]byte("a::::::::\na::::::::\n"), "a")
	f.Fuzz(func(t *testing.T, file []byte, user string) {
		if strings.ContainsAny(user, ":\n") {
			return
		}
		from, to, err := account.Line(file, user)
		if err != nil {
			if changed, err := account.Swap(file, user, nil, nil); err == nil || changed != nil {
				t.Fatalf("changed to %q without a line of %q: %v", changed, user, err)
			}
			return
		}
		before := bytes.Clone(file[from:to])
		after, err := account.Locked(before)
		if err != nil {
			return
		}
		if fields := bytes.Split(after, []byte(":")); len(fields) != 9 || fields[1][0] != '!' || string(fields[7]) != "1" || bytes.IndexByte(after, '\n') >= 0 {
			t.Fatalf("locked as %q", after)
		}
		locked, err := account.Swap(file, user, before, after)
		if err != nil || !bytes.Equal(locked[:from], file[:from]) || !bytes.Equal(locked[from+len(after):], file[to:]) {
			t.Fatalf("%q became %q, %v", file, locked, err)
		}
		again, err := account.Swap(locked, user, before, after)
		if err != nil || !bytes.Equal(again, locked) {
			t.Fatalf("twice: %q became %q, %v", locked, again, err)
		}
		back, err := account.Swap(locked, user, after, before)
		if err != nil || !bytes.Equal(back, file) {
			t.Fatalf("%q came back as %q, %v", file, back, err)
		}
	})
}
