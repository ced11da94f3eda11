//go:build linux

package sshkeys_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/sshkeys"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wire is a string of RFC 4251.
func wire(s string) string {
	return string([]byte{byte(len(s) >> 24), byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))}) + s
}

// made is an Ed25519 key that nobody holds, in base64.
func made(n int) string {
	return base64.StdEncoding.EncodeToString([]byte(wire("ssh-ed25519") + wire(fmt.Sprintf("%032d", n))))
}

// host is a root folder of the test's own.
type host struct {
	t    testing.TB
	root string
}

func newHost(t testing.TB, files map[string]string) *host {
	h := &host{t, t.TempDir()}
	h.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
	for name, content := range files {
		h.write(name, content)
	}
	return h
}

func (h *host) path(p string) string { return filepath.Join(h.root, p) }

func (h *host) write(p, content string) {
	must(h.t, os.MkdirAll(filepath.Dir(h.path(p)), 0o755))
	must(h.t, os.WriteFile(h.path(p), []byte(content), 0o644))
}

func (h *host) source() *sshkeys.Source {
	s, err := sshkeys.New(sshkeys.Config{Root: h.root, Patience: 30 * time.Second})
	must(h.t, err)
	return s
}

func (h *host) read() *inventory.Reading {
	h.t.Helper()
	r, err := h.source().Read(context.Background())
	must(h.t, err)
	return r
}

func lines(r *inventory.Reading) (all []string) {
	for _, f := range r.Facts {
		k := f.SSHKey
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %d %s %s", k.Use, k.Path, k.Account, k.Type, k.Bits, k.Comment, strings.Join(k.Options, ";"))))
	}
	return all
}

func gaps(r *inventory.Reading) (all []string) {
	for _, g := range r.Gaps {
		all = append(all, fmt.Sprintf("%s %d: %s", g.Cause, g.Count, g.Reason))
	}
	return all
}

func check(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestAsSSHKeygenPrints makes keys of each type and holds size and fingerprint
// to what ssh-keygen -l prints.
func TestAsSSHKeygenPrints(t *testing.T) {
	tool := testneed.Command(t, "ssh-keygen", "apt-get install openssh-client")
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(tool, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	run("-q", "-t", "ed25519", "-N", "", "-f", dir+"/ca")
	for _, kind := range []string{"rsa -b 2048", "rsa -b 3072", "rsa -b 1024", "dsa", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "ed25519"} {
		path := filepath.Join(dir, strings.ReplaceAll(kind, " ", ""))
		if err := exec.Command(tool, append([]string{"-q", "-N", "", "-C", "a comment", "-f", path, "-t"}, strings.Fields(kind)...)...).Run(); err != nil && kind == "dsa" {
			continue // later versions make none
		}
		run("-q", "-s", dir+"/ca", "-I", "id", "-n", "alice", path+".pub")
		for _, file := range []string{path + ".pub", path + "-cert.pub"} {
			line, err := os.ReadFile(file)
			must(t, err)
			want := strings.Fields(run("-lf", file))
			k, ok := sshkeys.ParseKey([]byte(`from="10.0.0.0/8",no-pty ` + string(line)))
			if !ok || strconv.FormatInt(k.Bits, 10) != want[0] || k.Fingerprint != want[1] || !strings.HasPrefix(string(line), k.Kind+" ") || k.Comment != "a comment" || len(k.Options) != 2 {
				t.Errorf("%s: %+v, %v, want %v", filepath.Base(file), k, ok, want)
			}
		}
	}
}

// TestTokens reads the types of which only a token can make one.
func TestTokens(t *testing.T) {
	point := wire("nistp256") + wire("\x04"+strings.Repeat("p", 64))
	for kind, body := range map[string]string{
		"sk-ssh-ed25519@openssh.com":                  wire(strings.Repeat("k", 32)) + wire("ssh:"),
		"sk-ecdsa-sha2-nistp256@openssh.com":          point + wire("ssh:"),
		"webauthn-sk-ecdsa-sha2-nistp256@openssh.com": point + wire("ssh:"),
	} {
		plain, ok := sshkeys.ParseKey([]byte(kind + " " + base64.StdEncoding.EncodeToString([]byte(wire(kind)+body))))
		if !ok || plain.Bits != 256 || plain.Kind != kind {
			t.Errorf("%s: %+v, %v", kind, plain, ok)
		}
		cert := strings.TrimSuffix(kind, "@openssh.com") + "-cert-v01@openssh.com"
		if strings.HasPrefix(kind, "webauthn") {
			continue
		}
		k, ok := sshkeys.ParseKey([]byte(cert + " " + base64.StdEncoding.EncodeToString([]byte(wire(cert)+wire("nonce")+body+"more"))))
		if !ok || k.Fingerprint != plain.Fingerprint || k.Bits != 256 {
			t.Errorf("%s: %+v, %v", cert, k, ok)
		}
	}
}

func TestKeyLines(t *testing.T) {
	key := "ssh-ed25519 " + made(1)
	for line, want := range map[string][]string{
		key:                                     nil,
		"\t " + key + " a b  ":                  nil,
		"no-pty " + key:                         {"no-pty"},
		`command="echo \"a, b\"",no-pty ` + key: {`command="echo \"a, b\""`, "no-pty"},
		"cert-authority,principals=\"a b\"\t" + key:      {"cert-authority", `principals="a b"`},
		"ssh-ed25519 " + strings.TrimRight(made(1), "="): nil,
	} {
		if k, ok := sshkeys.ParseKey([]byte(line)); !ok || cmp.Diff(want, k.Options) != "" {
			t.Errorf("%q: %+v, %v", line, k, ok)
		}
	}
	for _, line := range []string{
		"", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa " + made(1), "ssh-new " + made(1), `command="x ` + key, ",no-pty " + key, "a,,b " + key,
		"no-pty", "ssh-ed25519 !!!!", "ssh-ed25519 " + base64.StdEncoding.EncodeToString([]byte(wire("ssh-ed25519")+wire("short"))), "\xff\xfe",
	} {
		if k, ok := sshkeys.ParseKey([]byte(line)); ok {
			t.Errorf("%q is %+v", line, k)
		}
	}
}

func TestReading(t *testing.T) {
	h := newHost(t, map[string]string{
		"etc/passwd":                   "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nnohome:x:0:0::/nonexistent:/bin/sh\nslash:x:0:0::/:\nbroken\n",
		"root/.ssh/authorized_keys":    "# mine\n\nssh-ed25519 " + made(1) + " root@a\nno-pty ssh-ed25519 " + made(2) + "\nnonsense\nssh-ed25519 " + made(2) + " again\n",
		"root/.ssh/authorized_keys2":   "ssh-ed25519 " + made(1) + " root@a\n",
		"etc/ssh/ssh_host_ed25519_key": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
		"etc/ssh/ssh_host_x_key.pub":   "ssh-ed25519 " + made(3) + " root@host\n",
		"etc/ssh/moduli":               "x\n",
	})
	r := h.read()
	check(t, "keys", lines(r),
		"host /etc/ssh/ssh_host_x_key.pub  ssh-ed25519 256 root@host",
		"authorized /root/.ssh/authorized_keys root ssh-ed25519 256 root@a",
		"authorized /root/.ssh/authorized_keys root ssh-ed25519 256  no-pty;also:",
		"authorized /root/.ssh/authorized_keys2 root ssh-ed25519 256 root@a",
		"authorized /root/.ssh/authorized_keys toor ssh-ed25519 256 root@a",
		"authorized /root/.ssh/authorized_keys toor ssh-ed25519 256  no-pty;also:",
		"authorized /root/.ssh/authorized_keys2 toor ssh-ed25519 256 root@a")
	check(t, "gaps", gaps(r), "malformed 3: lines of passwd are malformed: the keys of those accounts are not known")
}

func TestConfiguration(t *testing.T) {
	h := newHost(t, map[string]string{
		"etc/passwd":                    "root:x:0:0::/root:/bin/sh\nbob:x:0:0::/home/bob:/bin/sh\n",
		"etc/ssh/sshd_config":           "# AuthorizedKeysFile no\nInclude sshd_config.d/*.conf\nauthorizedkeysfile never\nHostKey /etc/other\nMatch User bob\n\tAuthorizedKeysFile=/matched/%u\n",
		"etc/ssh/sshd_config.d/10.conf": "AuthorizedKeysFile \"/keys/%u 100%%\" %h/k/%U rel # no\nTrustedUserCAKeys /etc/ca.pub\nAuthorizedKeysCommand /bin/x\nInclude /etc/ssh/sshd_config.d/*.conf\n",
		"etc/ssh/sshd_config.d/20.conf": "AuthorizedKeysFile never\n",
		"keys/bob 100%":                 "ssh-ed25519 " + made(1), "home/bob/k/0": "ssh-ed25519 " + made(2), "root/rel": "ssh-ed25519 " + made(3),
		"matched/bob": "ssh-ed25519 " + made(4), "home/bob/never": "ssh-ed25519 " + made(5), "home/bob/.ssh/authorized_keys": "ssh-ed25519 " + made(6),
		"etc/ca.pub": "ssh-ed25519 " + made(7), "etc/other.pub": "ssh-ed25519 " + made(8),
	})
	r := h.read()
	check(t, "keys", lines(r),
		"host /etc/other.pub  ssh-ed25519 256",
		"authorized /etc/ca.pub  ssh-ed25519 256  cert-authority",
		"authorized /root/rel root ssh-ed25519 256",
		"authorized /keys/bob 100% bob ssh-ed25519 256",
		"authorized /home/bob/k/0 bob ssh-ed25519 256",
		"authorized /matched/bob bob ssh-ed25519 256")
	check(t, "gaps", gaps(r), "unreadable 1: AuthorizedKeysCommand is set: the keys that it gives are in no file")
}

// TestNoKeyLeaves looks for the keys, and pieces of them, in all that is told.
func TestNoKeyLeaves(t *testing.T) {
	h := newHost(t, map[string]string{
		"root/.ssh/authorized_keys": "ssh-ed25519 " + made(1) + " " + made(2) + "\ncommand=\"echo " + made(3) + "\" ssh-ed25519 " + made(4) + "\n" +
			"ssh-ed25519 " + made(5)[:60] + "\nssh-rsa " + made(6) + "\n" + made(7) + " ssh-ed25519\nenvironment=\"K=" + made(8) + "\",no-pty ssh-ed25519 " + made(9) + " x" + made(10) + "y\n",
		"etc/ssh/ssh_host_a_key.pub": "ssh-ed25519 " + made(11) + "\n" + made(12),
	})
	r := h.read()
	out, err := json.Marshal(r)
	must(t, err)
	if len(r.Facts) != 4 {
		t.Errorf("%d keys: %s", len(r.Facts), out)
	}
	for n := range 13 {
		if strings.Contains(string(out), made(n)[:44]) || strings.Contains(string(out), made(n)[30:]) {
			t.Errorf("key %d is in %s", n, out)
		}
	}
}

// TestHostileHomes finds what accounts may put where a file of keys is
// expected. The other accounts' keys are told all the same.
func TestHostileHomes(t *testing.T) {
	testneed.Root(t) // to give files away
	var passwd strings.Builder
	for i, name := range []string{"fifo", "folder", "device", "self", "foreign", "shadow", "linked", "loop", "huge", "line", "secret", "last"} {
		fmt.Fprintf(&passwd, "%s:x:%d:%d::/home/%s:/bin/sh\n", name, 2000+i, 2000+i, name)
	}
	h := newHost(t, map[string]string{"etc/passwd": passwd.String(), "etc/shadow": "ssh-ed25519 " + made(1), "keys": "ssh-ed25519 " + made(2)})
	must(t, os.Chmod(h.path("etc/shadow"), 0o640))
	file := func(name string) string {
		must(t, os.MkdirAll(h.path("home/"+name+"/.ssh"), 0o755))
		return h.path("home/" + name + "/.ssh/authorized_keys")
	}
	must(t, unix.Mkfifo(file("fifo"), 0o644))
	must(t, os.Mkdir(file("folder"), 0o755))
	must(t, os.Symlink("/dev/zero", file("device")))
	must(t, os.Symlink("/proc/kmsg", file("self")))
	must(t, os.WriteFile(file("foreign"), []byte("ssh-ed25519 "+made(3)), 0o644))
	must(t, os.Chown(file("foreign"), 2001, 2001))
	must(t, os.Symlink(h.path("etc/shadow"), file("shadow")))
	must(t, os.Symlink(h.path("keys"), file("linked")))
	must(t, os.Symlink(file("loop"), file("loop")))
	must(t, os.WriteFile(file("huge"), []byte("ssh-ed25519 "+made(4)+"\n"), 0o644))
	must(t, os.Truncate(file("huge"), 1<<30))
	must(t, os.WriteFile(file("line"), []byte(strings.Repeat("x", 1<<20)+"\nssh-ed25519 "+made(5)), 0o644))
	must(t, os.WriteFile(file("secret"), []byte("ssh-ed25519 "+made(6)), 0o600)) // root's own
	must(t, os.WriteFile(file("last"), []byte("ssh-ed25519 "+made(7)), 0o600))
	must(t, os.Chown(file("last"), 2011, 2011))

	r := h.read()
	var got []string
	for _, f := range r.Facts {
		got = append(got, f.SSHKey.Account)
	}
	check(t, "accounts", got, "linked", "huge", "line", "last")
	for _, g := range r.Gaps {
		t.Log(g)
	}
	counts := map[string]int64{}
	for _, g := range r.Gaps {
		counts[g.Cause] = g.Count
	}
	want := map[string]int64{fact.LossUnreadable: 8, fact.LossMalformed: 2, fact.LossInventory: 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestManyKeys(t *testing.T) {
	var b strings.Builder
	for n := range 100_000 {
		fmt.Fprintf(&b, "ssh-ed25519 %s k%d\n", made(n), n)
	}
	h := newHost(t, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\nbob:x:0:0::/home/bob:/bin/sh\n", "root/.ssh/authorized_keys": b.String(), "home/bob/.ssh/authorized_keys": "ssh-ed25519 " + made(1)})
	r := h.read()
	if n := len(r.Facts); n != sshkeys.MaxKeys+1 || r.Facts[n-1].SSHKey.Account != "bob" {
		t.Errorf("%d keys", n)
	}
	check(t, "gaps", gaps(r), fmt.Sprintf("inventory_cut %d: /root/.ssh/authorized_keys holds more keys than the sensor tells", 100_000-sshkeys.MaxKeys))
}

func TestSlowHomes(t *testing.T) {
	h := newHost(t, map[string]string{
		"etc/passwd":                     "far:x:0:0::/net/far:/bin/sh\nnear:x:0:0::/home/near:/bin/sh\n",
		"net/far/.ssh/authorized_keys":   "ssh-ed25519 " + made(1),
		"home/near/.ssh/authorized_keys": "ssh-ed25519 " + made(2),
		"proc/self/mountinfo":            "",
	})
	h.write("proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / "+h.path("net")+" rw - nfs4 server:/ rw\n")
	s, err := sshkeys.New(sshkeys.Config{Root: h.root, Proc: h.path("proc")})
	must(t, err)
	r, err := s.Read(context.Background())
	must(t, err)
	check(t, "keys", lines(r), "authorized /home/near/.ssh/authorized_keys near ssh-ed25519 256")
	check(t, "gaps", gaps(r), "unreadable 2: the keys of far lie on a file system that may never answer")
}

func TestWatch(t *testing.T) {
	h := newHost(t, map[string]string{
		"etc/passwd":                "root:x:0:0::/root:/bin/sh\nbare:x:0:0::/home/bare:/bin/sh\nnone:x:0:0::/nonexistent:/bin/sh\nother:x:77:77::/home/bare:/bin/sh\n",
		"root/.ssh/authorized_keys": "", "home/bare/x": "",
	})
	s := h.source()
	_, err := s.Read(context.Background())
	must(t, err)
	check(t, "watched", s.Watch(), h.path("etc/ssh"), h.path("etc/ssh/sshd_config.d"), h.path("etc/passwd"), h.path("root/.ssh"), h.path("home/bare"))
}

// TestRealKey gives an account of this machine's a key, and takes it away.
func TestRealKey(t *testing.T) {
	testneed.Root(t)
	keygen := testneed.Command(t, "ssh-keygen", "apt-get install openssh-client")
	useradd := testneed.Command(t, "useradd", "apt-get install passwd")
	const name = "picket-test-keys"
	remove := func() { _ = exec.Command("userdel", "-r", name).Run() }
	remove()
	t.Cleanup(remove)
	home := filepath.Join(t.TempDir(), "home")
	if out, err := exec.Command(useradd, "-m", "-d", home, name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s, err := sshkeys.New(sshkeys.Config{})
	must(t, err)
	find := func() *fact.SSHKey {
		r, err := s.Read(context.Background())
		must(t, err)
		for _, f := range r.Facts {
			if f.SSHKey.Account == name {
				return f.SSHKey
			}
		}
		return nil
	}
	if k := find(); k != nil {
		t.Fatalf("there is %+v", k)
	}
	path := filepath.Join(home, ".ssh", "authorized_keys")
	must(t, os.Mkdir(filepath.Dir(path), 0o755))
	key := filepath.Join(t.TempDir(), "key")
	must(t, exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", key).Run())
	public, err := os.ReadFile(key + ".pub")
	must(t, err)
	must(t, os.WriteFile(path, public, 0o644))
	out, err := exec.Command(keygen, "-lf", path).Output()
	must(t, err)
	if k := find(); k == nil || k.Fingerprint != strings.Fields(string(out))[1] || k.Path != path {
		t.Errorf("%+v, want %s", k, out)
	}
	must(t, os.Remove(path))
	if k := find(); k != nil {
		t.Errorf("still there: %+v", k)
	}
}

// FuzzAuthorizedKeys reads a line. What is a key has a fingerprint, and the
// key itself is in nothing else that is said of it.
func FuzzAuthorizedKeys(f *testing.F) {
	f.Add([]byte("ssh-ed25519 " + made(1) + " a comment"))
	f.Add([]byte(`command="a \" b",no-pty,cert-authority ssh-ed25519 ` + made(2)))
	f.Add([]byte("sk-ssh-ed25519@openssh.com " + made(3)))
	f.Fuzz(func(t *testing.T, line []byte) {
		k, ok := sshkeys.ParseKey(line)
		if !ok {
			if k.Fingerprint != "" || k.Options != nil {
				t.Fatalf("%q is refused and gives %+v", line, k)
			}
			return
		}
		if len(k.Fingerprint) != len("SHA256:")+43 || k.Bits < 0 || k.Bits > int64(len(line))*8 {
			t.Fatalf("%q is %+v", line, k)
		}
		for _, o := range k.Options {
			if o == "" {
				t.Fatalf("%q has an empty option", line)
			}
		}
	})
}
