//go:build linux

package listeners_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/ttar"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/listeners"
)

func source(t testing.TB, cfg listeners.Config) *listeners.Source {
	t.Helper()
	s, err := listeners.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func read(t testing.TB, s *listeners.Source) (map[string]*fact.Fact, []inventory.Gap) {
	t.Helper()
	r, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*fact.Fact)
	for _, f := range r.Facts {
		l := f.Listener
		name := fmt.Sprintf("%s %s %s", l.Transport, net.JoinHostPort(l.Address, fmt.Sprint(l.Port)), l.Interface)
		if all[name] != nil {
			t.Errorf("%s is told twice", name)
		}
		all[name] = f
	}
	return all, r.Gaps
}

// TestOwnListeners: a socket that this test opens is found, with this test's
// program, in each transport and family.
func TestOwnListeners(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v4, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer v4.Close()
	want := []string{"tcp " + v4.Addr().String() + " "}
	u4, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u4.Close()
	want = append(want, "udp "+u4.LocalAddr().String()+" ")
	if v6, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		defer v6.Close()
		want = append(want, "tcp "+v6.Addr().String()+" ")
		u6, err := net.ListenPacket("udp6", "[::1]:0")
		if err != nil {
			t.Fatal(err)
		}
		defer u6.Close()
		want = append(want, "udp "+u6.LocalAddr().String()+" ")
	} else {
		testneed.Missing(t, "needs IPv6 on loopback: "+err.Error())
	}
	s := source(t, listeners.Config{})
	for range 2 { // the second time from what is known
		all, gaps := read(t, s)
		if gaps != nil {
			t.Error(gaps)
		}
		for _, name := range want {
			f := all[name]
			if f == nil {
				t.Errorf("%s is not found", name)
				continue
			}
			l := f.Listener
			if l.Executable != exe || l.UID != strconv.Itoa(os.Geteuid()) || f.Process.PID != int64(os.Getpid()) ||
				f.Process.EntityID == "" || f.User.ID != l.UID || (l.Type == "ipv6") != strings.Contains(l.Address, ":") {
				t.Errorf("%s is %+v of %+v, %+v", name, l, f.Process, f.User)
			}
		}
	}
	v4.Close()
	u4.Close()
	all, _ := read(t, s)
	if all[want[0]] != nil || all[want[1]] != nil {
		t.Error("what was closed is still there")
	}
}

// TestConnectedIsNoListener: what has a peer does not wait for one.
func TestConnectedIsNoListener(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, network := range []string{"tcp4", "udp4"} {
		c, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all, _ := read(t, source(t, listeners.Config{}))
		if name := network[:3] + " " + c.LocalAddr().String() + " "; all[name] != nil {
			t.Errorf("%s is told", name)
		}
	}
}

// TestClientsDoNotFlap: a UDP socket on a port of the kernel's choosing counts
// when it has been there for a while; others count at once.
func TestClientsDoNotFlap(t *testing.T) {
	now := time.Hour
	s := source(t, listeners.Config{Clock: clock.Clock{Boot: func() time.Duration { return now }}})
	old, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	told := func(c net.PacketConn) bool {
		all, _ := read(t, s)
		return all["udp "+c.LocalAddr().String()+" "] != nil
	}
	if !told(old) {
		t.Error("what is there at the first reading is not told")
	}
	client, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := net.ListenPacket("udp4", "127.0.0.1:20553")
	if err != nil {
		testneed.Missing(t, "needs UDP port 20553 of loopback: "+err.Error())
	}
	defer server.Close()
	if told(client) || !told(server) || !told(old) {
		t.Error("the client is told, or a server is not")
	}
	if now += 29 * time.Second; told(client) {
		t.Error("the client is told after 29 s")
	}
	if now += time.Second; !told(client) || !told(old) {
		t.Error("what stays is not told")
	}
}

// TestBothWaysAgree: the kernel says over netlink what its files say.
func TestBothWaysAgree(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all, err := listeners.Ask(make([]byte, 4096))
	if err != nil {
		testneed.Missing(t, "needs sock_diag of the kernel: "+err.Error())
	}
	data, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	files, bad := listeners.ParseTable(data, "tcp")
	find := func(in []listeners.Socket) (one listeners.Socket) {
		for _, s := range in {
			if s.Local.String() == l.Addr().String() {
				return s
			}
		}
		return one
	}
	if a, b := find(all), find(files); a != b || a.Inode == 0 || bad != 0 {
		t.Errorf("netlink says %+v, the file %+v with %d bad lines", a, b, bad)
	}
}

func TestProcfsFixtures(t *testing.T) {
	dir := t.TempDir()
	if err := ttar.Unpack(filepath.Join(testneed.Corpus(t, "procfs-fixtures"), "fixtures.ttar"), dir); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "fixtures/proc")
	all, gaps := read(t, source(t, listeners.Config{Proc: root}))
	var got []string
	for name := range all {
		got = append(got, name)
	}
	for _, want := range []string{"tcp 10.0.0.5:22 ", "tcp 0.0.0.0:22 ", "udp [::]:5355 ", "udp [fe80::56e1:adff:fe7c:6609]:51073 "} {
		if all[want] == nil {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	if len(all) != 4 || gaps != nil {
		t.Errorf("%q, gaps %v", got, gaps)
	}
	data, err := os.ReadFile(filepath.Join(root, "net/udp_broken"))
	if err != nil {
		t.Fatal(err)
	}
	if sockets, bad := listeners.ParseTable(data, "udp"); len(sockets) != 0 || bad != 1 {
		t.Errorf("a broken line made %+v, %d bad lines", sockets, bad)
	}
}

// diag makes one netlink message with a socket.
func diag(family, state byte, port uint16, addr [16]byte, size int) []byte {
	m := make([]byte, 16+max(size, 72))
	binary.NativeEndian.PutUint32(m, uint32(16+size))
	binary.NativeEndian.PutUint16(m[4:], 20)
	m[16], m[17] = family, state
	binary.BigEndian.PutUint16(m[20:], port)
	copy(m[24:], addr[:])
	return m[:16+size]
}

func TestHostileDiag(t *testing.T) {
	good := diag(unix.AF_INET, 10, 22, [16]byte{127, 0, 0, 1}, 72)
	got, done, err := listeners.ParseDiag(good)
	want := []listeners.Socket{{Transport: "tcp", Local: netip.MustParseAddrPort("127.0.0.1:22")}}
	if err != nil || done || !cmp.Equal(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })) {
		t.Errorf("%+v, %v, %v", got, done, err)
	}
	interrupted := diag(unix.AF_INET, 10, 22, [16]byte{}, 72)
	binary.NativeEndian.PutUint16(interrupted[6:], unix.NLM_F_DUMP_INTR)
	long := append([]byte(nil), good...)
	binary.NativeEndian.PutUint32(long, 4096)
	for name, data := range map[string][]byte{
		"cut":         good[:len(good)-1],
		"short":       diag(unix.AF_INET, 10, 22, [16]byte{}, 71),
		"family":      diag(99, 10, 22, [16]byte{}, 72),
		"state":       diag(unix.AF_INET, 1, 22, [16]byte{}, 72),
		"length":      long,
		"no length":   make([]byte, 16),
		"interrupted": interrupted,
		"error":       {20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff},
	} {
		if got, done, err := listeners.ParseDiag(append(append([]byte(nil), good...), data...)); err == nil || got != nil || done {
			t.Errorf("%s: %+v, %v, %v", name, got, done, err)
		}
	}
}

func TestPortRange(t *testing.T) {
	for text, want := range map[string][2]uint16{
		"32768\t60999\n": {32768, 60999}, "1 2": {1, 2}, "": {5, 6}, "9 1": {5, 6}, "1 99999": {5, 6}, "a b": {5, 6},
	} {
		if low, high := listeners.ParseRange([]byte(text), 5, 6); low != want[0] || high != want[1] {
			t.Errorf("%q: %d to %d, want %v", text, low, high, want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for range 30 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
	}
	s := source(b, listeners.Config{})
	read(b, s)
	for b.Loop() {
		read(b, s)
	}
}

// BenchmarkSearch is a reading that must look into every process.
func BenchmarkSearch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		read(b, source(b, listeners.Config{}))
	}
}
