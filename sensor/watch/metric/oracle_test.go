//go:build linux

package metric

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"

	"picket.internal/fact"
)

// TestSameAsProcfs holds the parsers to those of prometheus/procfs, which would
// take 320 kB of the sensor, on this machine's files.
func TestSameAsProcfs(t *testing.T) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("/proc", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	stat, err := fs.Stat()
	if err != nil {
		t.Fatal(err)
	}
	times, cpus, ok := parseStat(read("stat"))
	if !ok || int(cpus) != len(stat.CPU) {
		t.Errorf("%d processors, want %d", cpus, len(stat.CPU))
	}
	for name, pair := range map[string][2]float64{
		"user": {float64(times.user), stat.CPUTotal.User}, "idle": {float64(times.idle), stat.CPUTotal.Idle},
		"iowait": {float64(times.iowait), stat.CPUTotal.Iowait}, "softirq": {float64(times.softIRQ), stat.CPUTotal.SoftIRQ},
		"system": {float64(times.system), stat.CPUTotal.System}, "steal": {float64(times.steal), stat.CPUTotal.Steal},
	} {
		if mine, theirs := pair[0]/100, pair[1]; mine < theirs || mine > theirs+5 { // read a moment later
			t.Errorf("%s is %v s, want about %v", name, mine, theirs)
		}
	}
	info, err := fs.Meminfo()
	if err != nil {
		t.Fatal(err)
	}
	if m := parseMeminfo(read("meminfo")); m.Total != *info.MemTotalBytes || m.SwapTotal != *info.SwapTotalBytes {
		t.Errorf("memory %+v, want %d and %d", m, *info.MemTotalBytes, *info.SwapTotalBytes)
	}
	devices, err := fs.NetDev()
	if err != nil {
		t.Fatal(err)
	}
	mine := parseNetDev(read("net/dev"))
	if len(mine) != len(devices) {
		t.Errorf("interfaces %v, want %v", mine, devices)
	}
	for name, want := range devices {
		if got := mine[name]; name != "lo" && (got.rxErrors != want.RxErrors || got.txDropped != want.TxDropped) || got.rxBytes < want.RxBytes {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	blocks, err := blockdevice.NewDefaultFS()
	if err != nil {
		t.Fatal(err)
	}
	stats, err := blocks.ProcDiskstats()
	if err != nil {
		t.Fatal(err)
	}
	disks := parseDiskstats(read("diskstats"))
	for _, want := range stats {
		if got, ok := disks[want.DeviceName]; !ok || got.reads < want.ReadIOs || got.writeSectors < want.WriteSectors || got.busy < want.IOsTotalTicks {
			t.Errorf("%s: %+v, want %+v", want.DeviceName, got, want.IOStats)
		}
	}
}

// FuzzParse: whatever the kernel is made to say, it is read within its bounds
// and the same each time.
func FuzzParse(f *testing.F) {
	f.Add([]byte("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n"))
	f.Add([]byte("MemTotal: 100 kB\nMemFree: 18446744073709551615 kB\nShmem: 7 kB\n"))
	f.Add([]byte("0.20 0.18 0.12 1/80 11206\n"))
	f.Add([]byte("some avg10=0.00 avg60=1.50 avg300=0.00 total=0\nfull avg10=NaN avg60=NaN\n"))
	f.Add([]byte("  eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"))
	f.Add([]byte("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		type all struct {
			CPU      cpuTimes
			CPUs     int64
			Memory   *fact.Memory
			Load     *fact.Load
			Pressure fact.Pressure
			Networks map[string]traffic
			Disks    map[string]io
		}
		parse := func() (a all) {
			a.CPU, a.CPUs, _ = parseStat(data)
			a.Memory, a.Load = parseMeminfo(data), parseLoad(data)
			a.Pressure, _ = parsePressure("cpu", data)
			a.Networks, a.Disks = parseNetDev(data), parseDiskstats(data)
			return a
		}
		first := parse()
		if diff := cmp.Diff(first, parse(), cmp.AllowUnexported(cpuTimes{}, traffic{}, io{})); diff != "" {
			t.Fatal(diff)
		}
		if len(first.Networks) > maxDevices || len(first.Disks) > maxDevices || first.Pressure.Some > 1 || first.Memory.Cached > 1<<63 {
			t.Fatalf("out of bounds: %+v", first)
		}
		made := fact.Fact{Kind: fact.KindMetric, Metric: &fact.Metric{Memory: first.Memory, Load: first.Load, Pressure: []fact.Pressure{first.Pressure}}}
		if _, err := made.Encode(); err != nil {
			t.Fatal(err)
		}
	})
}
