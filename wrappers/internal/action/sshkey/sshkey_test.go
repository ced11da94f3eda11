package sshkey_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/sshkey"
)

const (
	key   = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	other = "AAAAC3NzaC1lZDI1NTE5AAAAIP/+/fz7+vn49/b19PPy8fDv7u3s6+rp6Ofm5eTj4uHg"
)

var print = fingerprint(key)

func fingerprint(text string) string {
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func host(t testing.TB) action.Root {
	testneed.Root(t)
	root := action.Root{Dir: t.TempDir()}
	write(t, root, "etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\nnohome:x:1002:1002:::\n", 0, 0o644)
	return root
}

func write(t testing.TB, root action.Root, path, text string, uid int, mode os.FileMode) {
	t.Helper()
	path = filepath.Join(root.Dir, path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o600))
	must(t, os.Chown(path, uid, uid))
	must(t, os.Chmod(path, mode))
}

func read(t testing.TB, root action.Root, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root.Dir, path))
	must(t, err)
	return string(data)
}

func refused(t testing.TB, err error, code string) {
	t.Helper()
	var r *action.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("%v, want the refusal %s", err, code)
	}
}

func prepare(t testing.TB, root action.Root, user string) *sshkey.Record {
	t.Helper()
	r, err := sshkey.Prepare(root, sshkey.Args{Fingerprint: print, User: user}, true)
	must(t, err)
	data, err := strictjson.Encode(r)
	must(t, err)
	var again sshkey.Record
	must(t, strictjson.Decode(data, strictjson.Limits{}, &again, nil))
	return &again
}

const aliceKeys = "# mine\r\n\nssh-ed25519 " + other + " work\nssh-ed25519 " + key + " evil\n\tfrom=\"a b\",no-pty ssh-ed25519 " + key + "\n#ssh-ed25519 " + key + "\nssh-ed25519 " + other + " " + key

func TestRevokeAndRestore(t *testing.T) {
	root := host(t)
	write(t, root, "home/alice/.ssh/authorized_keys", aliceKeys, 1000, 0o640)
	write(t, root, "home/bob/.ssh/authorized_keys2", "ssh-ed25519 "+key, 1001, 0o600)
	write(t, root, "etc/ssh/keys/root", "ssh-ed25519 "+key+"\n", 0, 0o644)
	write(t, root, "etc/ssh/sshd_config", "AuthorizedKeysFile none\nMatch User root\n\tauthorizedkeysfile=\"/etc/ssh/keys/%u\" \n", 0, 0o644)
	alice := filepath.Join(root.Dir, "home/alice/.ssh/authorized_keys")
	must(t, unix.Setxattr(alice, "user.note", []byte("x"), 0))
	folder, err := os.Open(filepath.Dir(alice))
	must(t, err)
	defer folder.Close()
	file, err := os.Open(alice)
	must(t, err)
	flags := 0x10
	if err := action.SetFlags(file, flags); err != nil {
		t.Logf("the flag immutable is not tried: %v", err)
		flags = 0
	}
	file.Close()
	action.SetFlags(folder, flags)
	fixed := func(want int) {
		t.Helper()
		if flags == 0 {
			return
		}
		f, err := os.Open(alice)
		must(t, err)
		defer f.Close()
		for _, f := range []*os.File{folder, f} {
			if had, err := action.Flags(f); err != nil || had&action.Fixed != want {
				t.Errorf("the flags of %s are %x, %v", f.Name(), had, err)
			}
		}
	}
	defer func() {
		if f, err := os.Open(alice); err == nil {
			action.Loosen(folder)
			action.Loosen(f)
			f.Close()
		}
	}()
	before := make(map[string]unix.Stat_t)
	all := map[string]string{"home/alice/.ssh/authorized_keys": aliceKeys, "home/bob/.ssh/authorized_keys2": "ssh-ed25519 " + key, "etc/ssh/keys/root": "ssh-ed25519 " + key + "\n"}
	for path := range all {
		var st unix.Stat_t
		must(t, unix.Stat(filepath.Join(root.Dir, path), &st))
		before[path] = st
	}
	r := prepare(t, root, "")
	check := func(want map[string]string) {
		t.Helper()
		for path, text := range want {
			if got := read(t, root, path); got != text {
				t.Errorf("%s is %q, want %q", path, got, text)
			}
			var st unix.Stat_t
			must(t, unix.Stat(filepath.Join(root.Dir, path), &st))
			if was := before[path]; st.Mode != was.Mode || st.Uid != was.Uid || st.Gid != was.Gid {
				t.Errorf("%s is mode %o of %d:%d", path, st.Mode, st.Uid, st.Gid)
			}
		}
		value := make([]byte, 8)
		if n, err := unix.Getxattr(alice, "user.note", value); err != nil || string(value[:n]) != "x" {
			t.Errorf("its attribute is %q, %v", value, err)
		}
		if list, _ := os.ReadDir(filepath.Dir(alice)); len(list) != 1 {
			t.Errorf("there is %v", list)
		}
		fixed(flags)
	}
	for range 2 {
		effect, err := r.Do(root)
		if must(t, err); effect["lines"] != "4" || effect["files"] != "3" || effect["found"] != "no more" || effect["skipped"] != "" {
			t.Errorf("effect %v", effect)
		}
		check(map[string]string{"home/alice/.ssh/authorized_keys": "# mine\r\n\nssh-ed25519 " + other + " work\n#ssh-ed25519 " + key + "\nssh-ed25519 " + other + " " + key,
			"home/bob/.ssh/authorized_keys2": "", "etc/ssh/keys/root": ""})
	}
	for range 2 {
		effect, err := r.Undo(root)
		if must(t, err); effect["files"] != "3" || effect["moved"] != "0" {
			t.Errorf("effect %v", effect)
		}
		check(all)
	}
}

func TestOneUser(t *testing.T) {
	root := host(t)
	for _, user := range []string{"alice", "bob"} {
		write(t, root, "home/"+user+"/.ssh/authorized_keys", "ssh-ed25519 "+key+"\n", 1000, 0o600)
	}
	_, err := prepare(t, root, "alice").Do(root)
	must(t, err)
	if a, b := read(t, root, "home/alice/.ssh/authorized_keys"), read(t, root, "home/bob/.ssh/authorized_keys"); a != "" || b == "" {
		t.Errorf("alice has %q, bob has %q", a, b)
	}
	_, err = sshkey.Prepare(root, sshkey.Args{Fingerprint: print, User: "alice"}, true)
	refused(t, err, "sshkey.not_found")
	_, err = sshkey.Prepare(root, sshkey.Args{Fingerprint: print, User: "carol"}, true)
	refused(t, err, "sshkey.no_user")
	for _, bad := range []string{"", "SHA256:", print[7:], print + "=", strings.Replace(print, "SHA256", "MD5", 1), print + "\n"} {
		_, err = sshkey.Prepare(root, sshkey.Args{Fingerprint: bad}, true)
		refused(t, err, "eat.bad_param")
	}
}

// TestChangedSince: what the user wrote in between stays, and the line comes
// back at the end. A line with the key that nobody wrote down stays too.
func TestChangedSince(t *testing.T) {
	root := host(t)
	const path = "home/alice/.ssh/authorized_keys"
	write(t, root, path, aliceKeys, 1000, 0o600)
	r := prepare(t, root, "")
	write(t, root, path, "new\n"+aliceKeys, 1000, 0o600)
	_, err := r.Do(root)
	must(t, err)
	if got := read(t, root, path); !strings.HasPrefix(got, "new\n# mine\r\n") || strings.Contains(got, "evil") {
		t.Errorf("there is %q", got)
	}
	write(t, root, path, "other", 1000, 0o600)
	for _, moved := range []string{"1", "0"} {
		effect, err := r.Undo(root)
		if must(t, err); effect["moved"] != moved {
			t.Errorf("effect %v", effect)
		}
		if got, want := read(t, root, path), "other\nssh-ed25519 "+key+" evil\n\tfrom=\"a b\",no-pty ssh-ed25519 "+key+"\n"; got != want {
			t.Errorf("there is %q, want %q", got, want)
		}
	}
	write(t, root, path, "x ssh-ed25519 "+key+"\n", 1000, 0o600)
	_, err = r.Do(root)
	refused(t, err, "sshkey.changed_since")
	must(t, os.Remove(filepath.Join(root.Dir, path)))
	_, err = r.Undo(root)
	refused(t, err, "sshkey.file_gone")
}

// TestThreat_W12_LinksOfUsers: a user's link is followed to a file of the user,
// so that it hides no key, and to no other, so that it changes nobody else's.
func TestThreat_W12_LinksOfUsers(t *testing.T) {
	root := host(t)
	line := "ssh-ed25519 " + key + "\n"
	write(t, root, "home/bob/.ssh/authorized_keys", line, 1001, 0o600)
	write(t, root, "home/alice/real/keys", line, 1000, 0o600)
	ssh := filepath.Join(root.Dir, "home/alice/.ssh")
	link := func(target string, uid int) {
		t.Helper()
		os.Remove(ssh)
		must(t, os.Symlink(target, ssh))
		must(t, os.Lchown(ssh, uid, uid))
	}
	must(t, os.Symlink("keys", filepath.Join(root.Dir, "home/alice/real/authorized_keys")))
	must(t, os.Lchown(filepath.Join(root.Dir, "home/alice/real/authorized_keys"), 1000, 1000))
	for _, target := range []string{"real", "/home/alice/./real/", "../alice/real"} {
		link(target, 1000)
		_, err := prepare(t, root, "alice").Do(root)
		must(t, err)
		if got := read(t, root, "home/alice/real/keys"); got != "" {
			t.Errorf("%s: there is %q", target, got)
		}
		if st, err := os.Lstat(filepath.Join(root.Dir, "home/alice/real/authorized_keys")); err != nil || st.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link became %v, %v", st, err)
		}
		write(t, root, "home/alice/real/keys", line, 1000, 0o600)
	}
	for target, uid := range map[string]int{"/home/bob/.ssh": 1000, "real": 1001, ".ssh": 1000} {
		link(target, uid)
		_, err := sshkey.Prepare(root, sshkey.Args{Fingerprint: print, User: "alice"}, true)
		t.Log(err)
		refused(t, err, "sshkey.unreadable")
	}
	link("/home/bob/.ssh", 0) // root may
	_, err := prepare(t, root, "alice").Do(root)
	must(t, err)
	if got := read(t, root, "home/bob/.ssh/authorized_keys"); got != "" {
		t.Errorf("there is %q", got)
	}
	// What cannot be looked into is told beside what was done.
	write(t, root, "home/bob/.ssh/authorized_keys", line, 1001, 0o600)
	link(".ssh", 1000)
	effect, err := prepare(t, root, "").Do(root)
	if must(t, err); !strings.Contains(effect["skipped"], "/home/alice/.ssh/authorized_keys") {
		t.Errorf("effect %v", effect)
	}
}

// TestThreat_W12_SwappedHome: while a key is taken out, the user puts links to
// root's files in place of file and folder, as fast as that goes.
func TestThreat_W12_SwappedHome(t *testing.T) {
	root := host(t)
	line := "ssh-ed25519 " + key + "\n"
	write(t, root, "root/.ssh/authorized_keys", line, 0, 0o600)
	write(t, root, "home/alice/.ssh/authorized_keys", line, 1000, 0o600)
	total := 500
	if os.Getenv("PICKET_SOAK") == "1" {
		total = 20_000
	}
	dir := filepath.Join(root.Dir, "home/alice")
	must(t, os.Chmod(filepath.Dir(root.Dir), 0o755))
	must(t, os.Chown(dir, 1000, 1000))
	must(t, os.Chown(dir+"/.ssh", 1000, 1000))
	must(t, os.Symlink("../../root/.ssh", dir+"/link"))
	must(t, os.Lchown(dir+"/link", 1000, 1000))
	stop, swapper := make(chan struct{}), sync.WaitGroup{}
	swapper.Go(func() {
		// The thread ends with the goroutine, so that no other gets the user's rights.
		runtime.LockOSThread()
		unix.Setfsgid(1000)
		unix.Setfsuid(1000)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, dir+"/link", unix.AT_FDCWD, dir+"/.ssh", unix.RENAME_EXCHANGE); err != nil {
				t.Errorf("swapping: %v", err)
				return
			}
			if real := dir + "/.ssh/authorized_keys"; i%2 == 1 && i%8 == 1 {
				os.Remove(real)
				os.Symlink("/root/.ssh/authorized_keys", real)
				os.Remove(real)
				os.WriteFile(real, []byte(line), 0o600)
			}
		}
	})
	done := 0
	for try := 0; try < total || done == 0 && try < 100*total; try++ {
		if r, err := sshkey.Prepare(root, sshkey.Args{Fingerprint: print, User: "alice"}, true); err == nil {
			if _, err = r.Do(root); err == nil {
				done++
			}
		}
	}
	close(stop)
	swapper.Wait()
	t.Logf("%d of %d tries took the key out", done, total)
	if got := read(t, root, "root/.ssh/authorized_keys"); got != line {
		t.Errorf("root's file is %q", got)
	}
	if done == 0 {
		t.Error("no try got through")
	}
}

// TestKeysAsOpenSSHWritesThem: of every kind of key, with what ssh-keygen says
// of it.
func TestKeysAsOpenSSHWritesThem(t *testing.T) {
	keygen := testneed.Command(t, "ssh-keygen", "apt-get install openssh-client")
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		path := filepath.Join(t.TempDir(), "key")
		if out, err := exec.Command(keygen, "-q", "-t", kind, "-N", "", "-C", "a b", "-f", path).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text, err := os.ReadFile(path + ".pub")
		must(t, err)
		out, err := exec.Command(keygen, "-l", "-f", path+".pub").Output()
		must(t, err)
		sum := strings.Fields(string(out))[1]
		if rest, lines := sshkey.Remove(text, sum); len(rest) != 0 || len(lines) != 1 {
			t.Errorf("%s: %q is left", kind, rest)
		}
	}
}

// TestDisguisedKeys: ways to write a key that sshd takes.
func TestDisguisedKeys(t *testing.T) {
	zeros := func(extra int) string {
		n := bytes.Repeat([]byte{0xc1}, 256)
		blob := binary.BigEndian.AppendUint32(nil, 7)
		blob = append(blob, "ssh-rsa"...)
		for _, number := range [][]byte{{1, 0, 1}, append([]byte{0}, n...)} {
			blob = binary.BigEndian.AppendUint32(blob, uint32(len(number)+extra))
			blob = append(append(blob, make([]byte, extra)...), number...)
		}
		return base64.StdEncoding.EncodeToString(blob)
	}
	for _, c := range []struct {
		line, sum string
		is        bool
	}{
		{"ssh-ed25519 " + key, print, true},
		{" \t ssh-ed25519\t \t" + key + "\r\n", print, true},
		{"ED25519 " + key + " short name", print, true},
		{"ssh-ed25519 " + key + "\x00" + other, print, true},
		{`command="ssh-ed25519 ` + other + ` \" x",no-pty ssh-ed25519 ` + key, print, true},
		{"no-pty\tssh-ed25519 " + key, print, true},
		{"ssh-rsa " + zeros(0), fingerprint(zeros(0)), true},
		{"ssh-rsa " + zeros(3), fingerprint(zeros(0)), true},
		{"#ssh-ed25519 " + key, print, false},
		{"ssh-ed25519 " + other + " " + key, print, false},
		{`command="ssh-ed25519 ` + key + `" ssh-ed25519 ` + other, print, false},
		{"ssh-ed25519", print, false},
		{key, print, false},
		{"", print, false},
	} {
		rest, lines := sshkey.Remove([]byte(c.line), c.sum)
		if is := len(lines) == 1 && len(rest) == 0; is != c.is {
			t.Errorf("%q is taken out: %v, want %v", c.line, is, c.is)
		}
	}
}

// FuzzAuthorizedKeys: whatever the file is, all that is left of it was there in
// that order, none of it has the key, and restoring gives the same bytes.
func FuzzAuthorizedKeys(f *testing.F) {
	f.Add([]byte(aliceKeys))
	f.Add([]byte("ssh-ed25519 " + key))
	f.Add([]byte("\n\nssh-ed25519 " + key + "\r\n\n"))
	f.Add([]byte(`a="\"` + "\nx ssh-rsa " + key + "\nssh-rsa AAAAB3NzaC1yc2EAAAAAAAAAAA==\n\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		rest, lines := sshkey.Remove(file, print)
		if got := sshkey.Restore(rest, lines); !bytes.Equal(got, file) {
			t.Fatalf("%q came back as %q", file, got)
		}
		size := 0
		for _, l := range lines {
			text := bytes.Join(l.Parts, nil)
			size += len(text)
			if !bytes.Equal(text, file[l.At:l.At+len(text)]) || l.At > 0 && file[l.At-1] != '\n' || bytes.IndexByte(text[:len(text)-1], '\n') >= 0 {
				t.Fatalf("%q is no line at %d of %q", text, l.At, file)
			}
		}
		if size+len(rest) != len(file) {
			t.Fatalf("%d bytes out and %d left of %d", size, len(rest), len(file))
		}
		if again, lines := sshkey.Remove(rest, print); len(lines) > 0 || !bytes.Equal(again, rest) {
			t.Fatalf("%q still has the key", rest)
		}
	})
}
