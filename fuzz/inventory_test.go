//go:build linux

package fuzz

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/sensor/watch/inventory/listeners"
	"picket.internal/sensor/watch/inventory/modules"
	"picket.internal/sensor/watch/inventory/mounts"
	"picket.internal/sensor/watch/inventory/schedules"
)

// FuzzCrontab: an entry written anew is the same entry, every line is an
// entry, a bad one, or nothing to run, and nothing of one line gets into
// another.
func FuzzCrontab(f *testing.F) {
	f.Add([]byte("17 *\t* * *   root    cd / && run-parts --report /etc/cron.hourly\n"), true)
	f.Add([]byte("@reboot x\nA=b\n# c\n*/5 1-3,7 * jan Mon-Fri a%b%c"), false)
	f.Add([]byte("-0 0 * * * quiet\n\x00\xff * * * * x\n@ a b\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, system bool) {
		entries, bad := schedules.ParseCrontab(data, system)
		if lines := bytes.Count(data, []byte("\n")) + 1; len(entries)+bad > lines {
			t.Fatalf("%d entries and %d bad lines of %d", len(entries), bad, lines)
		}
		var again strings.Builder
		for _, e := range entries {
			if e.Command == "" || strings.ContainsRune(e.When+e.Account+e.Command, '\n') || (e.Account == "") == system {
				t.Fatalf("%q is an entry %+v", data, e)
			}
			again.WriteString(strings.TrimSuffix(e.When+" "+e.Account, " ") + " " + e.Command + "\n")
		}
		twice, bad := schedules.ParseCrontab([]byte(again.String()), system)
		if diff := cmp.Diff(entries, twice); diff != "" || bad != 0 {
			t.Fatalf("%q, %d bad lines (-once +twice):\n%s", again.String(), bad, diff)
		}
		schedules.ParseAnacrontab(data)
	})
}

// FuzzSockDiag: on an error there are no sockets, and never more than the
// bytes could hold.
func FuzzSockDiag(f *testing.F) {
	one := make([]byte, 88)
	binary.NativeEndian.PutUint32(one, 88)
	binary.NativeEndian.PutUint16(one[4:], 20)
	one[16], one[17], one[21] = 2, 10, 22
	f.Add(one)
	f.Add(append(bytes.Clone(one), 20, 0, 0, 0, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
	f.Add(append(bytes.Clone(one), 20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, data []byte) {
		sockets, done, err := listeners.ParseDiag(data)
		if err != nil && (sockets != nil || done) || len(sockets)*88 > len(data) {
			t.Fatalf("%d bytes: %d sockets, done %v, %v", len(data), len(sockets), done, err)
		}
		for _, s := range sockets {
			if !s.Local.IsValid() || s.Local.Port() == 0 || s.Transport == "" {
				t.Fatalf("%q is a socket %+v", data, s)
			}
		}
	})
}

// FuzzNetTable: every line but the first is a socket that waits, one that does
// not, or a bad one.
func FuzzNetTable(f *testing.F) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	f.Add([]byte(head + "   0: 0100007F:0016 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 2740 1 ffff88003d3af3c0 100 0 0 10 0\n"))
	f.Add([]byte(head + " 6073: 000080FE00000000FFADE15609667CFE:C781 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 11337031 2 0 0\n"))
	f.Add([]byte(head + "   1: 00000000:0016 00000000:0000 0A\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, transport := range []string{"tcp", "udp"} {
			sockets, bad := listeners.ParseTable(data, transport)
			if lines := bytes.Count(data, []byte("\n")); len(sockets)+bad > lines {
				t.Fatalf("%d sockets and %d bad lines of %d", len(sockets), bad, lines)
			}
			for _, s := range sockets {
				if !s.Local.IsValid() || s.Local.Port() == 0 || s.Transport != transport {
					t.Fatalf("%q is a socket %+v", data, s)
				}
			}
		}
	})
}

// FuzzMountinfo: no two mounts have one name, and none is larger than a fact
// may be.
func FuzzMountinfo(f *testing.F) {
	f.Add([]byte("21 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"))
	f.Add([]byte("30 21 8:1 /a\\040b /mnt/new\\012line ro - ext4 /dev/sda1 rw\n31 21 0:9 / /e rw - tmpfs  rw\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, bad := mounts.Parse(data)
		if lines := bytes.Count(data, []byte("\n")) + 1; len(all)+bad > lines {
			t.Fatalf("%d mounts and %d bad lines of %d", len(all), bad, lines)
		}
		seen := make(map[[3]string]bool)
		for _, m := range all {
			key := [3]string{m.Path, m.Type, m.Source}
			if seen[key] || len(m.Options) > 64 || len(m.Path) > 4<<10 || len(m.Source) > 4<<10 {
				t.Fatalf("%q is a mount %+v", data, m)
			}
			seen[key] = true
		}
	})
}

// FuzzModules: a module written anew is the same module.
func FuzzModules(f *testing.F) {
	f.Add([]byte("nf_tables 364544 99 nft_compat,nft_chain_nat, Live 0xffffffffc0a3c000\n"))
	f.Add([]byte("nvidia 56717312 1 nvidia_modeset,[permanent], Loading 0x0000000000000000 (POE+)\nx 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, bad := modules.Parse(data)
		if lines := bytes.Count(data, []byte("\n")) + 1; len(all)+bad > lines {
			t.Fatalf("%d modules and %d bad lines of %d", len(all), bad, lines)
		}
		for _, m := range all {
			if m.Name == "" || len(m.Name) > 256 || len(m.UsedBy) > 256 || len(m.Taints) > 26 {
				t.Fatalf("%q is a module %+v", data, m)
			}
		}
	})
}
