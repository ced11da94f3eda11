//go:build linux

package metric

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"

	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/ttar"
)

// TestOracle holds every number that is used against prometheus/procfs, which
// reads the same bytes: those of its fixtures, and those of this machine as
// they are now.
func TestOracle(t *testing.T) {
	dir := t.TempDir()
	if err := ttar.Unpack(filepath.Join(testneed.Corpus(t, "procfs-fixtures"), "fixtures.ttar"), dir); err != nil {
		t.Fatal(err)
	}
	t.Run("fixtures", func(t *testing.T) { holdAgainstProcfs(t, filepath.Join(dir, "fixtures", "proc")) })
	t.Run("this machine", func(t *testing.T) { holdAgainstProcfs(t, still(t, "/proc")) })
}

// still copies what is read, so that both parsers see one moment.
func still(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"stat", "meminfo", "loadavg", "diskstats", "net/dev", "pressure/cpu", "pressure/memory", "pressure/io"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Logf("this kernel has no %s: %v", name, err)
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// same compares what the two say of one file.
func same(t *testing.T, name string, want, got any) {
	t.Helper()
	all := cmp.AllowUnexported(cpuTicks{}, memoryBytes{}, diskCounters{}, netCounters{})
	if diff := cmp.Diff(want, got, all); diff != "" {
		t.Errorf("%s (-procfs +ours):\n%s", name, diff)
	}
}

func holdAgainstProcfs(t *testing.T, root string) {
	oracle, err := procfs.NewFS(root)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Proc: root})
	if err != nil {
		t.Fatal(err)
	}
	sameHost(t, oracle, c)
	sameDevices(t, oracle, c, root)
}

func sameHost(t *testing.T, oracle procfs.FS, c *Collector) {
	stat, err := oracle.Stat()
	if err != nil {
		t.Fatal(err)
	}
	sum, cpus := parseStat(c.file("stat"))
	same(t, "processors", int64(len(stat.CPU)), cpus)
	if sum == nil {
		t.Fatal("stat: no sum of the processors")
	}
	same(t, "stat", stat.CPUTotal, procfs.CPUStat{
		User: seconds(sum.user), Nice: seconds(sum.nice), System: seconds(sum.system), Idle: seconds(sum.idle), Iowait: seconds(sum.iowait),
		IRQ: seconds(sum.irq), SoftIRQ: seconds(sum.softIRQ), Steal: seconds(sum.steal), Guest: stat.CPUTotal.Guest, GuestNice: stat.CPUTotal.GuestNice,
	})
	m, err := oracle.Meminfo()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "meminfo", &memoryBytes{
		total: value(m.MemTotalBytes), free: value(m.MemFreeBytes), available: value(m.MemAvailableBytes),
		buffers: value(m.BuffersBytes), cached: value(m.CachedBytes), shmem: value(m.ShmemBytes), dirty: value(m.DirtyBytes),
		swapTotal: value(m.SwapTotalBytes), swapFree: value(m.SwapFreeBytes),
	}, parseMeminfo(c.file("meminfo")))
	l, err := oracle.LoadAvg()
	if err != nil {
		t.Fatal(err)
	}
	load, ok := parseLoadavg(c.file("loadavg"))
	same(t, "loadavg", true, ok)
	same(t, "loadavg", [3]float64{l.Load1, l.Load5, l.Load15}, load)
	for _, resource := range []string{"cpu", "memory", "io"} {
		p, err := oracle.PSIStatsForResource(resource)
		some, full, ok := parsePressure(c.file("pressure/" + resource))
		same(t, "pressure/"+resource, err == nil, ok)
		var want [2]float64
		if p.Some != nil {
			want[0] = p.Some.Avg60
		}
		if p.Full != nil {
			want[1] = p.Full.Avg60
		}
		same(t, "pressure/"+resource, want, [2]float64{some, full})
	}
}

func sameDevices(t *testing.T, oracle procfs.FS, c *Collector, root string) {
	blocks, err := blockdevice.NewFS(root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	disks, err := blocks.ProcDiskstats()
	if err != nil {
		t.Fatal(err)
	}
	wantDisks := make(map[string]diskCounters)
	for _, d := range disks {
		wantDisks[d.DeviceName] = diskCounters{
			readOps: d.ReadIOs, readSectors: d.ReadSectors, readTime: d.ReadTicks,
			writeOps: d.WriteIOs, writeSectors: d.WriteSectors, writeTime: d.WriteTicks, busyTime: d.IOsTotalTicks,
		}
	}
	same(t, "diskstats", wantDisks, parseDiskstats(c.file("diskstats")))
	networks, err := oracle.NetDev()
	if err != nil {
		t.Fatal(err)
	}
	wantNetworks := make(map[string]netCounters)
	for name, n := range networks {
		wantNetworks[name] = netCounters{
			rxBytes: n.RxBytes, rxErrors: n.RxErrors, rxDropped: n.RxDropped,
			txBytes: n.TxBytes, txErrors: n.TxErrors, txDropped: n.TxDropped,
		}
	}
	same(t, "net/dev", wantNetworks, parseNetDev(c.file("net/dev")))
	same(t, "sector", uint64(procfs.SectorSize), uint64(sector))
	if len(wantDisks) == 0 || len(wantNetworks) == 0 {
		t.Errorf("%d disks and %d networks to compare", len(wantDisks), len(wantNetworks))
	}
}

// seconds are ticks as procfs shows them.
func seconds(ticks uint64) float64 { return float64(ticks) / 100 }

func value(p *uint64) uint64 {
	if p == nil {
		return 0
	}
	return *p
}
