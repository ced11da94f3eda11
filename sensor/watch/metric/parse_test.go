//go:build linux

package metric

import (
	"math"
	"strings"
	"testing"
)

// TestOneBadLineLosesNothingElse: what is not of the kernel's form is left
// out, and the lines around it are read.
func TestOneBadLineLosesNothingElse(t *testing.T) {
	sum, cpus := parseStat([]byte("cpux 1 1\ncpu\ncpu 1 2 3\ncpu  1 2 3 4\ncpu0 1\ncpu1\n\nintr 1\ncpu2"))
	same(t, "stat", &cpuTicks{user: 1, nice: 2, system: 3, idle: 4}, sum)
	same(t, "processors", int64(1), cpus)

	const mem = "MemTotal: 8 kB\nMemFree: -1 kB\nBuffers:\nCached: 99999999999999999999 kB\nShmem: 18014398509481984 kB\nDirty: 512\nmore\nSwapFree: 2 MB\nSwapTotal:1 kB"
	same(t, "meminfo", &memoryBytes{total: 8192, dirty: 512, swapTotal: 1024}, parseMeminfo([]byte(mem)))
	if m := parseMeminfo([]byte("MemFree: 1 kB\n")); m != nil {
		t.Errorf("without a total: %+v", m)
	}

	const disks = "8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12\n8 1 sda1 1 2 3 4\nx 0 sdb 1 2 3 4 5 6 7 8 9 10 11\n8 0 sdc 1 2 x 4 5 6 7 8 9 10 11\n\n  253 0 dm-0 1 0 0 0 0 0 0 0 0 0 0"
	same(t, "diskstats", map[string]diskCounters{
		"sda":  {readOps: 1, readSectors: 3, readTime: 4, writeOps: 5, writeSectors: 7, writeTime: 8, busyTime: 10},
		"dm-0": {readOps: 1},
	}, parseDiskstats([]byte(disks)))

	const nets = "a: 1 1\nb: 1 1\nno colon\n : 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n short: 1 2 3\n a:b: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
	same(t, "net/dev", map[string]netCounters{"a:b": {1, 3, 4, 9, 11, 12}}, parseNetDev([]byte(nets)))
}

func TestFractions(t *testing.T) {
	for in, want := range map[string]float64{"0": 0, "0.25": 0.25, "12.50": 12.5, "100.00": 100} {
		if got, ok := parseDecimal([]byte(in)); !ok || got != want {
			t.Errorf("%q: %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", ".", "1.", ".5", "-1", "+1", "NaN", "Inf", "1e9", "0x1", "1_0", "1.2.3", strings.Repeat("9", 400)} {
		if got, ok := parseDecimal([]byte(in)); ok {
			t.Errorf("%q: %v", in, got)
		}
	}
	if _, ok := parseLoadavg([]byte("0.1 NaN 0.3 1/2 3")); ok {
		t.Error("a load that is no number was taken")
	}
	some, full, ok := parsePressure([]byte("none avg60=1\nsome avg10=1.00 avg60=2.50 avg300=3.00 total=4\nfull avg60=x"))
	if some != 2.5 || full != 0 || !ok {
		t.Errorf("pressure %v, %v, %v", some, full, ok)
	}
	if _, _, ok := parsePressure([]byte("some total=1\n")); ok {
		t.Error("pressure without a share was taken")
	}
}

// FuzzHost: whatever the files of the host's load hold, what is taken from
// them is finite, and no more than the lines can hold.
func FuzzHost(f *testing.F) {
	f.Add([]byte("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n"))
	f.Add([]byte("MemTotal:  100 kB\nMemFree: 7 kB\nCached: 30 kB\nHugePages_Total: 0\n"))
	f.Add([]byte("0.50 1.50 2.50 1/100 77\n"))
	f.Add([]byte("some avg10=0.00 avg60=12.50 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Count(string(data), "\n") + 1
		sum, cpus := parseStat(data)
		if cpus > int64(lines) {
			t.Errorf("%d processors in %d lines", cpus, lines)
		}
		if sum != nil {
			cpu(&cpuTicks{}, sum, cpus)
		}
		if m := parseMeminfo(data); m != nil {
			memory(m)
		}
		load, _ := parseLoadavg(data)
		some, full, _ := parsePressure(data)
		for _, n := range append(load[:], some, full) {
			if n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
				t.Errorf("%v is no share", n)
			}
		}
	})
}

// FuzzDevices: whatever the files of devices hold, no more devices are taken
// from them than there are lines, each under a name that stands there.
func FuzzDevices(f *testing.F) {
	f.Add([]byte("8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n8 1 sda1 9 9 9 9 9 9 9 9 9 9 9\n"))
	f.Add([]byte("Inter-| Receive\n face |bytes\n  lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\na:b: 5 1 0 2 0 0 0 0 7 1 3 0 0 0 0 0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text := string(data)
		lines := strings.Count(text, "\n") + 1
		disks, networks := parseDiskstats(data), parseNetDev(data)
		if len(disks) > lines || len(networks) > lines {
			t.Errorf("%d disks and %d networks in %d lines", len(disks), len(networks), lines)
		}
		for name := range disks {
			if name == "" || !strings.Contains(text, " "+name+" ") {
				t.Errorf("disk %q is not there", name)
			}
		}
		for name := range networks {
			if name == "" || !strings.Contains(text, name) {
				t.Errorf("network %q is not there", name)
			}
		}
	})
}
