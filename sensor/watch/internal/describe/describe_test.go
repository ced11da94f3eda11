//go:build linux

package describe_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
)

// booted is when the host of these tests booted.
var booted = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func host(t *testing.T, root string) *describe.Host {
	t.Helper()
	fs, err := proc.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	etc := t.TempDir()
	os.WriteFile(filepath.Join(etc, "passwd"), []byte("root:x:0:0::/:\nweb:x:33:33::/:\n"), 0o644)
	os.WriteFile(filepath.Join(etc, "group"), []byte("www:x:33:\n"), 0o644)
	return &describe.Host{FS: fs, Names: account.New(etc), Boot: "boot", Clock: clock.Clock{
		Real: func() time.Time { return booted.Add(time.Hour) },
		Boot: func() time.Duration { return time.Hour },
	}}
}

// tree makes a proc file system of pid to parent, start ticks and name.
func tree(t *testing.T, processes map[string][3]string) string {
	t.Helper()
	root := t.TempDir()
	for pid, p := range processes {
		dir := filepath.Join(root, pid)
		os.Mkdir(dir, 0o755)
		stat := pid + " (" + p[2] + ") S " + p[0] + " 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + p[1] + " 0 0 0 0 0 0"
		os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o644)
		os.Symlink("/bin/sh", filepath.Join(dir, "exe"))
	}
	return root
}

func TestEntityID(t *testing.T) {
	got := describe.EntityID("boot", 1, 2)
	if want := "4efd894b80ba3863"; got != want { // printf 'boot\n1\n2\n' | sha256sum
		t.Errorf("got %q, want %q", got, want)
	}
	seen := map[string]bool{}
	for _, id := range []string{got, describe.EntityID("boot", 12, 2), describe.EntityID("boot", 1, 22), describe.EntityID("boo", 1, 2)} {
		if seen[id] {
			t.Errorf("%q names two processes", id)
		}
		seen[id] = true
	}
	if again := describe.EntityID("boot", 1, 2); again != got {
		t.Errorf("one process is %q and %q", got, again)
	}
}

func TestProcess(t *testing.T) {
	h := host(t, t.TempDir())
	r := &proc.Reading{
		PID: 77, Stat: proc.Stat{Name: "x\xff", StartTicks: 12345},
		Args: [][]byte{[]byte("a"), []byte("b\xff c")}, Image: proc.Image{Links: 0}, HasImage: true,
		Path: "/tmp/\xfe", Cwd: "/", Container: "c", Unreadable: []string{"args:EIO"},
		System: "overlay", Caps: proc.Caps{Effective: 1 << 12, Permitted: 1<<12 | 1<<13},
	}
	want := &fact.Process{
		EntityID: describe.EntityID("boot", 77, 12345), PID: 77, StartTicks: 12345, Start: "2026-01-02T03:06:08.45Z",
		Name: "x\uFFFD", NameB64: b64("x\xff"), Executable: "/tmp/\uFFFD", ExecutableB64: b64("/tmp/\xfe"),
		ExecutableKind: fact.ExecutableDeleted, Deleted: true, Args: []string{"a", "b\uFFFD c"}, CommandLine: "a b\uFFFD c",
		WorkingDirectory: "/", ContainerID: "c", Unreadable: []string{"args:EIO"}, ExecutableFilesystem: "overlay",
		Thread: &fact.Thread{Capabilities: &fact.Capabilities{
			Effective: []string{"CAP_NET_ADMIN"}, Permitted: []string{"CAP_NET_ADMIN", "CAP_NET_RAW"},
		}},
	}
	if diff := cmp.Diff(want, h.Process(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSecretsStay: no argument leaves with what looks like a secret, unless
// that was asked for.
func TestSecretsStay(t *testing.T) {
	h := host(t, t.TempDir())
	r := &proc.Reading{Args: [][]byte{[]byte("app"), []byte("--password=hunter2")}}
	if p := h.Process(r); p.CommandLine != "app --password=[redacted]" || p.Args[1] != "--password=[redacted]" || !p.ArgsRedacted {
		t.Errorf("%q, %v", p.Args, p.ArgsRedacted)
	}
	h.Secrets.Off = true
	if p := h.Process(r); p.CommandLine != "app --password=hunter2" || p.ArgsRedacted {
		t.Errorf("switched off: %q, %v", p.Args, p.ArgsRedacted)
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestKind(t *testing.T) {
	for want, r := range map[string]proc.Reading{
		fact.ExecutableKernel:     {Stat: proc.Stat{Flags: 0x200000}},
		fact.ExecutableMemfd:      {HasImage: true, InMemory: true},
		fact.ExecutableDeleted:    {HasImage: true},
		fact.ExecutableFile:       {HasImage: true, Image: proc.Image{Links: 1}},
		fact.ExecutableUnreadable: {Unreadable: []string{"exe:EACCES"}},
		"":                        {},
	} {
		if got := describe.Kind(&r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestUser(t *testing.T) {
	h := host(t, t.TempDir())
	got := h.User(proc.IDs{RealUser: 33, User: 0, RealGroup: 5, Group: 33})
	if diff := cmp.Diff(&fact.User{ID: "0", Name: "root", RealID: "33", GroupID: "33", GroupName: "www"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if u := h.Owner(&proc.Reading{Owned: true, Groups: []uint32{33, 4}}); len(u.Groups) != 1 || u.Groups[0] != "www" {
		t.Errorf("groups %q", u.Groups)
	}
	if u := h.Owner(&proc.Reading{}); u != nil {
		t.Errorf("a process whose owner could not be read belongs to %+v", u)
	}
}

func TestLineage(t *testing.T) {
	root := tree(t, map[string][3]string{"1": {"0", "1", "init"}, "10": {"1", "50", "sshd"}, "20": {"10", "60", "bash"}})
	h := host(t, root)
	p := &fact.Process{}
	h.Lineage(p, 20, 70, nil)
	want := &fact.Parent{EntityID: h.Entity(20, 60), PID: 20, Name: "bash", Executable: "/bin/sh"}
	if diff := cmp.Diff(want, p.Parent); diff != "" {
		t.Errorf("parent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/bin/sh", "/bin/sh"}, p.Ancestors); diff != "" {
		t.Errorf("ancestors (-want +got):\n%s", diff)
	}
}

// TestLineageEndsAtAnotherProcess: a parent that is younger than its child is
// another process under the parent's number.
func TestLineageEndsAtAnotherProcess(t *testing.T) {
	h := host(t, tree(t, map[string][3]string{"1": {"0", "1", "init"}, "20": {"1", "900", "impostor"}}))
	p := &fact.Process{}
	h.Lineage(p, 20, 70, nil)
	if diff := cmp.Diff(&fact.Parent{PID: 20}, p.Parent); diff != "" || p.Ancestors != nil {
		t.Errorf("ancestors %q, parent (-want +got):\n%s", p.Ancestors, diff)
	}
	loop := func(pid int32) (describe.Kin, bool) { return describe.Kin{PID: pid, PPID: pid}, true }
	h.Lineage(p, 20, 70, loop)
	if len(p.Ancestors) != 8 {
		t.Errorf("%d ancestors of a process that is its own", len(p.Ancestors))
	}
}

// TestHostileProcessFitsAFact: whatever a process puts into its names, the
// fact of it can be encoded, or it would hide by being too large.
func TestHostileProcessFitsAFact(t *testing.T) {
	h := host(t, t.TempDir())
	for _, c := range []string{"\x01", "\xff", "\"", "é", "x", "\U0001F600"} {
		long := "/" + strings.Repeat(c, 4095/len(c))
		r := &proc.Reading{
			PID: 1 << 22, Stat: proc.Stat{Name: strings.Repeat(c, 64), StartTicks: 1<<64 - 1}, HasImage: true,
			Path: long, Cwd: long, Unit: strings.Repeat("u", 256), Container: strings.Repeat("c", 64),
		}
		for range proc.MaxArgs {
			r.Args = append(r.Args, []byte(strings.Repeat(c, 64/len(c))))
		}
		p := h.Process(r)
		h.Lineage(p, 5, 1<<63, func(pid int32) (describe.Kin, bool) {
			return describe.Kin{PID: pid, PPID: 5, Name: r.Name, Path: long}, true
		})
		f := &fact.Fact{
			ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Time: booted, Kind: fact.KindCanary, Host: fact.Host{ID: "h_x"}, Seq: 1 << 52,
			Process: p, User: h.User(proc.IDs{}), Service: describe.Service(r.Unit), Canary: &fact.Canary{ID: strings.Repeat("i", 64)},
		}
		f.Canary.Path, f.Canary.PathB64 = describe.Path(long)
		f.Canary.TargetPath, _ = describe.Path(long)
		if data, err := f.Encode(); err != nil {
			t.Errorf("%q: %v", c, err)
		} else if _, _, err := fact.Parse(data); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
}

// TestClipCountsAsJSONDoes holds the cost of a text against what an encoder
// makes of it.
func TestClipCountsAsJSONDoes(t *testing.T) {
	for _, s := range []string{"", "plain", "a\"b\\c", "\x00\x1f\x7f", "é€\U0001F600", "\n\t", "\xff\xfe", "a\xe2\x82"} {
		kept, cost := describe.Clip(s, 1000)
		if kept != s {
			t.Errorf("%q was cut to %q", s, kept)
		}
		plain, _ := fact.Text([]byte(s))
		data, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(data) - 2; cost < got {
			t.Errorf("%q counts %d, but takes %d in JSON", s, cost, got)
		}
		for budget := range cost {
			kept, cost := describe.Clip(s, budget)
			if cost > budget || !strings.HasPrefix(s, kept) || utf8.ValidString(s) && !utf8.ValidString(kept) {
				t.Errorf("%q cut to %d is %q, of cost %d", s, budget, kept, cost)
			}
		}
	}
}

func TestHideOption(t *testing.T) {
	for line, want := range map[string]string{
		"22 27 0:21 / /proc rw,relatime - proc proc rw":                         "",
		"22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw,hidepid=2":      "hidepid=2",
		"22 27 0:21 / /proc rw,relatime - proc proc rw,gid=4,hidepid=invisible": "hidepid=invisible",
		"22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=0":               "",
		"22 27 0:21 / /srv/proc rw,relatime - proc proc rw,hidepid=2":           "",
		"22 27 0:21 / /proc rw,relatime - tmpfs proc rw,hidepid=2":              "",
		"garbage": "", "": "",
	} {
		if got, _ := describe.HideLine(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
