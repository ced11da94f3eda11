//go:build linux

package proc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/proc"
)

// tail is what follows the name in a stat of a kernel of today.
const tail = " S 1 9 8 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 424242 1000 12 18446744073709551615 94 95 96 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 256\n"

func TestParseStat(t *testing.T) {
	names := []string{"cat", "a b", "(sd-pam)", "x) S 1 2 3 (y", "new\nline", "\xff\xfe", "", ")))", "(((", "(deleted)"}
	for _, name := range names {
		got, err := proc.ParseStat([]byte("77 (" + name + ")" + tail))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		want := proc.Stat{
			Name: name, State: 'S', PPID: 1, Flags: 4194560, Threads: 1, StartTicks: 424242,
			StartCode: 94, StartStack: 96, ExitCode: 256,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseStatRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"empty":                "",
		"no name":              "77 S 1",
		"name not closed":      "77 (cat S 1",
		"closed before opened": "77 )cat( S 1",
		"nothing behind":       "77 (cat)",
		"ends early":           "77 (cat) S 1 9 8 0",
		"parent is no number":  "77 (cat) S x 9 8 0",
		"negative flags":       "77 (cat)" + strings.Replace(tail, "4194560", "-1", 1),
		"ticks over 64 bits":   "77 (cat)" + strings.Replace(tail, "424242", "99999999999999999999", 1),
		"ticks of 21 digits":   "77 (cat)" + strings.Replace(tail, "424242", "000000000000000000001", 1),
	} {
		if s, err := proc.ParseStat([]byte(data)); err == nil {
			t.Errorf("%s: read as %+v", name, s)
		} else if !strings.Contains(err.Error(), "malformed stat") {
			t.Errorf("%s: error %q does not say what is malformed", name, err)
		}
	}
}

func TestStatFlags(t *testing.T) {
	for _, c := range []struct {
		flags          uint64
		kernel, forked bool
	}{{0, false, false}, {0x40, false, true}, {0x200000, true, false}, {0x208040, true, true}} {
		s := proc.Stat{Flags: c.flags}
		if s.Kernel() != c.kernel || s.NeverExecuted() != c.forked {
			t.Errorf("flags %#x: kernel %v, never executed %v", c.flags, s.Kernel(), s.NeverExecuted())
		}
	}
}

func TestParseIDs(t *testing.T) {
	// A name cannot stand for the line: the kernel writes its newline as \n.
	got, err := proc.ParseIDs([]byte("Name:\tUid:\\nUid:\t7\t7\nUid:\t1000\t0\t0\t0\nGid:\t100\t5\t5\t5\nFDSize:\t64\n"))
	want := proc.IDs{RealUser: 1000, User: 0, RealGroup: 100, Group: 5}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "Uid:\t1\t1\n", "x\nUid:\t1\nGid:\t1\t1\n", "x\nUid:\t-1\t1\nGid:\t1\t1\n", "x\nUid:\t4294967296\t1\nGid:\t1\t1\n"} {
		if got, err := proc.ParseIDs([]byte(bad)); err == nil {
			t.Errorf("%q: read as %+v", bad, got)
		}
	}
}

func TestParseArgs(t *testing.T) {
	long := strings.Repeat("x", proc.MaxArgBytes)
	for _, c := range []struct {
		name, data string
		more       bool
		want       []string
		cut        bool
	}{
		{name: "none"},
		{name: "one", data: "cat\x00", want: []string{"cat"}},
		{name: "not closed", data: "postgres: writer", want: []string{"postgres: writer"}},
		{name: "empty ones", data: "a\x00\x00b\x00", want: []string{"a", "", "b"}},
		{name: "one empty", data: "\x00", want: nil},
		{name: "newline and escape", data: "a\nb\x00\x1b[31m\x00", want: []string{"a\nb", "\x1b[31m"}},
		{name: "not UTF-8", data: "\xff\xfe\x00", want: []string{"\xff\xfe"}},
		{name: "more to come", data: "a\x00b", more: true, want: []string{"a", "b"}, cut: true},
		{name: "full", data: long, want: []string{long}},
		{name: "over", data: long + "y", want: []string{long}, cut: true},
		{name: "64", data: strings.Repeat("a\x00", 64), want: strings.Split(strings.Repeat("a ", 63)+"a", " ")},
		{name: "65", data: strings.Repeat("a\x00", 65), want: strings.Split(strings.Repeat("a ", 63)+"a", " "), cut: true},
	} {
		args, cut := proc.ParseArgs([]byte(c.data), c.more)
		var got []string
		for _, a := range args {
			got = append(got, string(a))
		}
		if diff := cmp.Diff(c.want, got); diff != "" || cut != c.cut {
			t.Errorf("%s: cut %v (-want +got):\n%s", c.name, cut, diff)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct{ name, data, container, unit string }{
		{name: "empty"},
		{name: "root", data: "0::/\n"},
		{name: "service", data: "0::/system.slice/nginx.service\n", unit: "nginx.service"},
		{name: "below a service", data: "0::/system.slice/nginx.service/worker\n", unit: "nginx.service"},
		{name: "nested slices", data: "0::/system.slice/system-getty.slice/getty@tty1.service\n", unit: "getty@tty1.service"},
		{name: "session", data: "0::/user.slice/user-0.slice/session-1.scope\n"},
		{name: "user's own unit", data: "0::/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service\n", unit: "user@1000.service"},
		{name: "version 1", data: "12:cpu,cpuacct:/system.slice/x.service\n1:name=systemd:/system.slice/cron.service\n", unit: "cron.service"},
		{name: "hybrid", data: "1:name=systemd:/system.slice/cron.service\n0::/\n", unit: "cron.service"},
		{name: "docker v1", data: "5:pids:/docker/" + id + "\n", container: id},
		{name: "docker v2", data: "0::/system.slice/docker-" + id + ".scope\n", container: id},
		{name: "podman", data: "0::/machine.slice/libpod-" + id + ".scope/container\n", container: id},
		{name: "kubernetes", data: "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-" + id + ".scope\n", container: id},
		{name: "containerd", data: "3:cpu:/kubepods/besteffort/podab/cri-containerd:" + id + "\n", container: id},
		{name: "podman v1", data: "9:memory:/machine.slice/libpod-" + id + ".scope\n", container: id},
		{name: "cri-o", data: "0::/kubepods.slice/kubepods-pod1.slice/crio-" + id + ".scope\n", container: id},
		{name: "cri-o's monitor", data: "0::/kubepods.slice/crio-conmon-" + id + ".scope\n", container: id},
		{name: "kubernetes v1 without systemd", data: "4:cpu:/kubepods/burstable/pod77/" + id + "\n", container: id},
		{name: "one in another", data: "0::/docker/" + strings.Repeat("f", 64) + "/docker/" + id + "\n", container: id},
		{name: "below a container", data: "0::/system.slice/docker-" + id + ".scope/init.scope\n", container: id},
		{name: "lxc has names, no ids", data: "0::/lxc.payload.web/system.slice/x.service\n"},
		{name: "nspawn has names, no ids", data: "0::/machine.slice/systemd-nspawn@web.service/payload/system.slice/x.service\n", unit: "systemd-nspawn@web.service"},
		{name: "63 digits", data: "0::/docker/" + id[1:] + "\n"},
		{name: "capitals", data: "0::/docker/" + strings.ToUpper(id) + "\n"},
		{name: "namespace", data: "0::/../../system.slice/x.service\n", unit: "x.service"},
		{name: "no colons", data: "garbage\n::\n\n:"},
		{name: "not UTF-8", data: "0::/system.slice/\xff.service\n", unit: "\uFFFD.service"},
	} {
		container, unit := proc.ParseCgroup([]byte(c.data))
		if container != c.container || unit != c.unit {
			t.Errorf("%s: container %q, unit %q", c.name, container, unit)
		}
	}
}

func TestParsePids(t *testing.T) {
	entry := func(name string) []byte {
		b := make([]byte, (19+len(name)+1+7)&^7)
		b[16] = byte(len(b))
		copy(b[19:], name)
		return b
	}
	var data []byte
	for _, name := range []string{".", "..", "1", "self", "00", "4194304", "12a", "99999999999", "-5", "7"} {
		data = append(data, entry(name)...)
	}
	if diff := cmp.Diff([]int32{1, 4194304, 7}, proc.ParsePids(nil, data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for n := range data { // cut anywhere, it must not run over
		proc.ParsePids(nil, data[:n])
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", `a\040b`: "a b", `\`: `\`, `\04`: `\04`, `\999`: `\999`, `\0a0`: `\0a0`,
		`\012`: "\n", `x\011`: "x\t", `\134040`: `\040`, `\043\377`: "#\xff", `\400`: `\400`, `\777`: `\777`,
	} {
		if got := proc.Unescape([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestErrnoName(t *testing.T) {
	named := 0
	for errno := range unix.Errno(200) {
		got, want := proc.ErrnoName(errno), unix.ErrnoName(errno)
		if got != want && got != fmt.Sprintf("errno %d", errno) {
			t.Errorf("%d is %q, want %q", errno, got, want)
		}
		if got == want {
			named++
		}
	}
	if named < 30 {
		t.Errorf("%d have a name", named)
	}
}

func TestLastPid(t *testing.T) {
	for data, want := range map[string]int32{
		"0.02 0.04 0.05 1/497 11947\n": 11947, "32768\n": 32768, "": 0, "x": 0, "1 -5": 0, "99999999999": 0,
	} {
		if got := proc.LastPid([]byte(data)); got != want {
			t.Errorf("%q: %d, want %d", data, got, want)
		}
	}
}

func TestParseActivity(t *testing.T) {
	got, ok := proc.ParseActivity([]byte("0.02 0.04 0.05 1/497 11947\n"))
	if want := (proc.Activity{LastPid: 11947, Threads: 497}); !ok || got != want {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, bad := range []string{"", "0.02 0.04 0.05 1 11947", "0.02 0.04 0.05 1/x 11947", "0.02 0.04 0.05 1/497 0", "0.02 0.04 0.05 1/497"} {
		if got, ok := proc.ParseActivity([]byte(bad)); ok {
			t.Errorf("%q: read as %+v", bad, got)
		}
	}
}

func TestParseLeader(t *testing.T) {
	if got, err := proc.ParseLeader([]byte("Name:\tx\nTgid:\t12\nPid:\t13\n")); err != nil || got != 12 {
		t.Errorf("got %d, %v", got, err)
	}
	if got, err := proc.ParseLeader([]byte("Name:\tx\nPid:\t13\n")); err == nil {
		t.Errorf("read as %d", got)
	}
}

func TestParseMounts(t *testing.T) {
	const table = `22 27 0:21 / /proc rw,relatime - proc proc rw
36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue
40 35 0:50 / /home/a rw - fuse.sshfs host:/ rw
garbage
41 35 x:50 / /home/b rw - nfs4 host:/ rw
`
	ids, devs, kinds := proc.ParseMounts([]byte(table))
	if diff := cmp.Diff([]uint64{22, 36, 40}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{unix.Mkdev(0, 21), unix.Mkdev(98, 0), unix.Mkdev(0, 50)}, devs); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"proc", "ext3", "fuse.sshfs"}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

func TestSlowKind(t *testing.T) {
	for kind, want := range map[string]bool{
		"ext4": false, "overlay": false, "tmpfs": false, "btrfs": false,
		"fuse": true, "fuse.sshfs": true, "nfs4": true, "9p": true, "cifs": true,
	} {
		if proc.SlowKind(kind) != want {
			t.Errorf("%s: %v", kind, !want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	got, err := proc.ParseStatus([]byte("Name:\tCapEff:\\nCapEff:\tff\nUid:\t1000\t0\t0\t0\nGid:\t100\t5\t5\t5\nFDSize:\t64\nGroups:\t4 24 x 4294967296 27 \n" +
		"CapInh:\t0000000000000000\nCapPrm:\t0000000000003000\nCapEff:\t0000000000001000\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000400\n"))
	want := proc.Status{
		IDs:    proc.IDs{RealUser: 1000, User: 0, RealGroup: 100, Group: 5},
		Caps:   proc.Caps{Effective: 0x1000, Permitted: 0x3000, Ambient: 0x400},
		Groups: []uint32{4, 24, 27},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	long := "Name:\tx\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nGroups:\t" + strings.Repeat("7 ", 65536) + "\n"
	if got, err := proc.ParseStatus([]byte(long)); err != nil || len(got.Groups) > 64 {
		t.Errorf("%d groups, %v", len(got.Groups), err)
	}
}

func TestCapNames(t *testing.T) {
	for _, c := range []struct {
		set  uint64
		last int
		want string
	}{
		{0, 40, ""},
		{1, 40, "CAP_CHOWN"},
		{1<<12 | 1<<13, 40, "CAP_NET_ADMIN CAP_NET_RAW"},
		{1 << 40, 40, "CAP_CHECKPOINT_RESTORE"},
		{1 << 41, 45, "CAP_41"},
		{1<<41 - 1, 40, "ALL"},
		{1<<41 - 1, 41, "not all"},
		{1<<64 - 1, 40, "ALL"},
		{1<<38 - 1, 37, "ALL"},
	} {
		got := strings.Join(proc.CapNames(c.set, c.last), " ")
		if c.want == "not all" && len(got) > 100 {
			continue
		}
		if got != c.want {
			t.Errorf("%#x of %d: %q, want %q", c.set, c.last, got, c.want)
		}
	}
}

func TestParseLogin(t *testing.T) {
	for text, want := range map[string]int64{
		"1000": 1000, "0": 0, "1000\n": 1000, "4294967294": 4294967294,
		"4294967295": -1, "4294967296": -1, "": -1, "-1": -1, "root": -1,
	} {
		id, ok := proc.ParseLogin([]byte(text))
		if ok != (want >= 0) || ok && int64(id) != want {
			t.Errorf("%q: %d, %v, want %d", text, id, ok, want)
		}
	}
}
