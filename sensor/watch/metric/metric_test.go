//go:build linux

package metric_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/ttar"
	"picket.internal/sensor/watch/metric"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host is a proc and a sys file system of the test's making.
type host struct {
	t    *testing.T
	root string
}

func newHost(t *testing.T) host {
	h := host{t, t.TempDir()}
	h.put("proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /net rw - nfs4 server:/ rw\n3 1 0:6 / /fuse rw - fuse.sshfs x rw\n4 1 8:1 /sub /again rw - ext4 /dev/sda1 rw\n5 1 8:2 / /a\\040b rw - xfs /dev/sda2 rw\n")
	h.put("proc/meminfo", "MemTotal: 100 kB\nMemFree: 7 kB\nMemAvailable: 40 kB\nBuffers: 3 kB\nCached: 30 kB\nDirty: 2 kB\nShmem: 8 kB\nSwapTotal: 10 kB\nSwapFree: 5 kB\n")
	h.put("proc/loadavg", "0.5 1.5 2.5 1/100 77\n")
	h.put("proc/pressure/cpu", "some avg10=0.00 avg60=12.50 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
	h.put("sys/block/sda/stat", "")
	for _, pid := range []string{"1", "2", "30"} {
		must(t, os.MkdirAll(filepath.Join(h.root, "proc", pid), 0o755))
	}
	return h
}

func (h host) put(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	must(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(h.t, os.WriteFile(path, []byte(content), 0o644))
}

// counters sets what grows: ticks of the processors, disk sectors, bytes.
func (h host) counters(user, idle, sectors, rx int) {
	h.put("proc/stat", fmt.Sprintf("cpu %d %d 0 %d 0 0 %d 0 0 0\ncpu0 1 0 0 1 0 0 0 0 0 0\ncpu1 1 0 0 1 0 0 0 0 0 0\n", user*9/10, user/20, idle, user/20))
	h.put("proc/diskstats", fmt.Sprintf("8 0 sda %d 0 %d %d 1 0 2 0 0 %d 0\n8 1 sda1 9 9 9 9 9 9 9 9 9 9 9\n", sectors, sectors, 3*sectors, sectors))
	h.put("proc/net/dev", fmt.Sprintf("Inter-| Receive\n face |bytes\n  lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\neth0: %d 1 0 2 0 0 0 0 7 1 3 0 0 0 0 0\n", rx))
}

func (h host) collector(boot func() time.Duration) *metric.Collector {
	h.t.Helper()
	cfg := metric.Config{Proc: filepath.Join(h.root, "proc"), Sys: filepath.Join(h.root, "sys")}
	cfg.Boot(boot)
	cfg.Statfs(func(path string) (fact.Filesystem, error) {
		if strings.HasPrefix(path, "/net") || strings.HasPrefix(path, "/fuse") {
			h.t.Errorf("%s was asked how full it is, and may never answer", path)
		}
		return fact.Filesystem{Size: 1000, Available: 300, Files: 50, FilesFree: 20, ReadOnly: path != "/"}, nil
	})
	c, err := metric.New(cfg)
	must(h.t, err)
	return c
}

func TestSample(t *testing.T) {
	h := newHost(t)
	h.counters(1000, 2000, 100, 500)
	at := time.Hour
	c := h.collector(func() time.Duration { return at })
	first := c.Sample()
	want := &fact.Metric{
		Action: fact.MetricSample,
		Memory: &fact.Memory{Total: 100 << 10, Available: 40 << 10, Free: 7 << 10, Cached: 25 << 10, Dirty: 2 << 10, SwapTotal: 10 << 10, SwapFree: 5 << 10},
		Load:   &fact.Load{One: 0.5, Five: 1.5, Fifteen: 2.5},
		Filesystems: []fact.Filesystem{
			{Path: "/", Type: "ext4", Size: 1000, Available: 300, Files: 50, FilesFree: 20},
			{Path: "/a b", Type: "xfs", Size: 1000, Available: 300, Files: 50, FilesFree: 20, ReadOnly: true},
		},
		Pressure:  []fact.Pressure{{Resource: "cpu", Some: 0.125}},
		Processes: 3,
	}
	if diff := cmp.Diff(want, first.Metric); diff != "" || first.Kind != fact.KindMetric {
		t.Errorf("first (-want +got):\n%s", diff)
	}

	at += 10 * time.Second
	h.counters(1300, 2700, 1100, 1500)
	want.Interval = 10
	want.CPU = &fact.CPU{Count: 2, Busy: 0.3, User: 0.285, Nice: 0.015, IRQ: 0.015, SoftIRQ: 0.015}
	want.Disks = []fact.Disk{{Name: "sda", ReadBytes: 512_000, ReadOps: 1000, ReadLatency: 0.003, Busy: 0.1}}
	want.Networks = []fact.Network{{Name: "eth0", RxBytes: 1000}}
	if diff := cmp.Diff(want, c.Sample().Metric); diff != "" {
		t.Errorf("second (-want +got):\n%s", diff)
	}

	// The device went and came again: its counters began anew.
	at += 10 * time.Second
	h.counters(1300, 2700, 50, 20)
	want.CPU = &fact.CPU{Count: 2}
	want.Disks = []fact.Disk{{Name: "sda", ReadBytes: 50 * 512, ReadOps: 50, ReadLatency: 0.003, Busy: 0.005}}
	want.Networks = []fact.Network{{Name: "eth0", RxBytes: 20}}
	if diff := cmp.Diff(want, c.Sample().Metric); diff != "" {
		t.Errorf("after a reset (-want +got):\n%s", diff)
	}

	// Two samples at one moment have no rates.
	if m := c.Sample().Metric; m.CPU != nil || m.Disks != nil || m.Interval != 0 {
		t.Errorf("rates over no time: %+v", m)
	}
}

func TestNothingIsReadable(t *testing.T) {
	c, err := metric.New(metric.Config{Proc: t.TempDir(), Sys: filepath.Join(t.TempDir(), "none")})
	must(t, err)
	for range 2 {
		m := c.Sample().Metric
		if diff := cmp.Diff(&fact.Metric{Action: fact.MetricSample, Interval: m.Interval}, m); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestFixtures samples the procfs fixtures and holds it against their text.
func TestFixtures(t *testing.T) {
	root := fixtures(t)
	cfg := metric.Config{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys")}
	c, err := metric.New(cfg)
	must(t, err)
	c.Sample()
	m := c.Sample().Metric
	text := func(name string) string {
		data, err := os.ReadFile(filepath.Join(root, "proc", name))
		must(t, err)
		return string(data)
	}
	var total uint64
	_, err = fmt.Sscanf(text("meminfo"), "MemTotal: %d kB", &total)
	must(t, err)
	if m.Memory == nil || m.Memory.Total != total*1024 {
		t.Errorf("memory %+v, want %d kB", m.Memory, total)
	}
	var load fact.Load
	_, err = fmt.Sscan(text("loadavg"), &load.One, &load.Five, &load.Fifteen)
	must(t, err)
	if m.Load == nil || *m.Load != load {
		t.Errorf("load %+v, want %+v", m.Load, load)
	}
	if cpus := strings.Count(text("stat"), "\ncpu"); m.CPU == nil || m.CPU.Count != int64(cpus) {
		t.Errorf("processors %+v, want %d", m.CPU, cpus)
	}
	if nets := strings.Count(text("net/dev"), ":") - 1; len(m.Networks) != nets {
		t.Errorf("%d networks, want %d", len(m.Networks), nets)
	}
	for _, d := range m.Disks {
		if _, err := os.Stat(filepath.Join(root, "sys/block", d.Name)); err != nil {
			t.Errorf("%s is not a whole disk", d.Name)
		}
	}
}

func TestRealHost(t *testing.T) {
	c, err := metric.New(metric.Config{})
	must(t, err)
	c.Sample()
	time.Sleep(20 * time.Millisecond) // over which there are rates
	f := c.Sample()
	m := f.Metric
	if m.CPU == nil || m.CPU.Count == 0 || m.Memory == nil || m.Memory.Total == 0 || m.Load == nil || m.Processes == 0 || m.Interval <= 0 {
		t.Errorf("sampled %+v", m)
	}
	f.ID, f.Host.ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "h_x"
	if _, err := f.Encode(); err != nil {
		t.Error(err)
	}
}

// TestFullListsFitAFact: a host with everything in plenty, with the longest
// names, is still one fact.
func TestFullListsFitAFact(t *testing.T) {
	h := newHost(t)
	long := strings.Repeat(`\001`, 1000)
	var table, nets, disks strings.Builder
	nets.WriteString("\n\n")
	for i := range 100 {
		fmt.Fprintf(&table, "%d 0 8:%d / /%d%s rw - ext4 x rw\n", i, i, i, long)
		fmt.Fprintf(&nets, "%d%s: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n", i, strings.Repeat("\x01", 12))
		fmt.Fprintf(&disks, "8 0 d%d%s 1 0 1 0 1 0 2 0 0 1 0\n", i, strings.Repeat("\x01", 28))
		h.put(fmt.Sprintf("sys/block/d%d%s/stat", i, strings.Repeat("\x01", 28)), "")
	}
	h.put("proc/self/mountinfo", table.String())
	h.put("proc/net/dev", nets.String())
	h.put("proc/diskstats", disks.String())
	h.put("proc/stat", "cpu 1 1 1 1 1 1 1 1 1 1\n")
	at := time.Hour
	c := h.collector(func() time.Duration { at += time.Second; return at })
	c.Sample()
	f := c.Sample()
	m := f.Metric
	if len(m.Filesystems) != 32 || len(m.Networks) != 32 || len(m.Disks) != 32 || m.Omitted != 3*68 {
		t.Errorf("%d, %d, %d, omitted %d", len(m.Filesystems), len(m.Networks), len(m.Disks), m.Omitted)
	}
	f.ID, f.Host.ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "h_x"
	if _, err := f.Encode(); err != nil {
		t.Error(err)
	}
}

// TestFilesystemThatDoesNotAnswer: the sample goes out without it.
func TestFilesystemThatDoesNotAnswer(t *testing.T) {
	h := newHost(t)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		cfg := metric.Config{Proc: filepath.Join(h.root, "proc")}
		cfg.Statfs(func(path string) (fact.Filesystem, error) {
			switch path {
			case "/":
				<-release
			case "/a b":
				return fact.Filesystem{}, errors.New("not allowed")
			}
			return fact.Filesystem{Size: 1, Available: 1}, nil
		})
		c, err := metric.New(cfg)
		must(t, err)
		began := time.Now()
		m := c.Sample().Metric
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
		if len(m.Filesystems) != 0 || m.Omitted != 1 {
			t.Errorf("told %+v, omitted %d", m.Filesystems, m.Omitted)
		}
		close(release)
		synctest.Wait()
	})
}

func TestParseMounts(t *testing.T) {
	const table = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw\nshort\n36 35 98:0 / / rw ext3\n\n37 1 8:0 / /\\134x rw - xfs"
	want := []metric.Mount{{"98:0", "/mnt 2", "ext3"}, {"8:0", `/\x`, "xfs"}}
	if diff := cmp.Diff(want, metric.ParseMounts([]byte(table))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRates(t *testing.T) {
	if got := metric.Added(5, 7); got != 2 {
		t.Errorf("from 5 to 7: %d", got)
	}
	if got := metric.Added(7, 3); got != 3 {
		t.Errorf("from 7 to 3, after a reset: %d", got)
	}
	for _, c := range []struct{ part, whole, want float64 }{
		{1, 3, 0.3333}, {5, 3, 1}, {-1, 3, 0}, {1, 0, 0}, {math.NaN(), 1, 0}, {math.Inf(1), 1, 0},
	} {
		if got := metric.Ratio(c.part, c.whole); got != c.want {
			t.Errorf("%v of %v: %v, want %v", c.part, c.whole, got, c.want)
		}
	}
}

func TestBusiest(t *testing.T) {
	var all []fact.Network
	for i := range 40 {
		all = append(all, fact.Network{Name: fmt.Sprintf("n%02d", i), RxBytes: uint64(i)})
	}
	kept, omitted := metric.Busiest(all)
	if len(kept) != 32 || omitted != 8 || kept[0].Name != "n08" || kept[31].Name != "n39" {
		t.Errorf("kept %d from %s to %s, omitted %d", len(kept), kept[0].Name, kept[len(kept)-1].Name, omitted)
	}
}

type count struct{ n int }

func (c *count) Emit(*fact.Fact) { c.n++ }

func TestEveryInterval(t *testing.T) {
	h := newHost(t)
	synctest.Test(t, func(t *testing.T) {
		c := h.collector(func() time.Duration { return time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), 46*time.Second)
		defer cancel()
		var n count
		if err := c.Run(ctx, &n); err != nil {
			t.Error(err)
		}
		if n.n != 4 {
			t.Errorf("%d samples in 46 s, want one at once and three more", n.n)
		}
	})
}

func BenchmarkSample(b *testing.B) {
	c, err := metric.New(metric.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c.Sample()
	}
}

// fixtures unpacks the shared procfs fixtures and returns the folder that holds
// proc and sys.
func fixtures(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(testneed.Corpus(t, "procfs-fixtures"), "fixtures.ttar")
	if err := ttar.Unpack(archive, dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "fixtures")
}
