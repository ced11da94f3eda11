//go:build linux

package metric

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/patience"
	"picket.internal/sensor/watch/internal/proc"
)

// Config says what to sample.
type Config struct {
	// Interval is the time between two samples; 0 means 15s.
	Interval time.Duration
	// Proc is where the proc file system is mounted; empty means /proc.
	Proc string
	// Sys is where the sys file system is mounted; empty means /sys.
	Sys string

	clock  clock.Clock
	statfs statfs
}

// Collector samples the host's load.
type Collector struct {
	cfg    Config
	proc   procfs.FS
	blocks *blockdevice.FS // nil where there is no sys file system
	own    *proc.FS
	gate   *patience.Gate
	last   *reading
}

// New opens the proc and sys file systems.
func New(cfg Config) (*Collector, error) {
	if cfg.Interval <= 0 {
		cfg.Interval = 15 * time.Second
	}
	if cfg.Proc == "" {
		cfg.Proc = procfs.DefaultMountPoint
	}
	if cfg.statfs == nil {
		cfg.statfs = askKernel
	}
	p, err := procfs.NewFS(cfg.Proc)
	if err != nil {
		return nil, fmt.Errorf("opening proc: %w", err)
	}
	own, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	c := &Collector{cfg: cfg, proc: p, own: own, gate: patience.NewGate(maxLost)}
	if b, err := blockdevice.NewFS(cfg.Proc, cfg.Sys); err == nil {
		c.blocks = &b
	}
	return c, nil
}

// Name is "metric".
func (c *Collector) Name() string { return "metric" }

// Run samples at once and then at every interval.
func (c *Collector) Run(ctx context.Context, out watch.Sink) error {
	tick := time.NewTicker(c.cfg.Interval)
	defer tick.Stop()
	for {
		out.Emit(c.sample())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sample makes the fact of one moment. What cannot be read is left out of it.
func (c *Collector) sample() *fact.Fact {
	now := c.read()
	m := &fact.Metric{Action: fact.MetricSample, Memory: now.memory, Load: now.load, Pressure: now.pressure, Processes: now.processes}
	var omitted int
	m.Filesystems, omitted = c.filesystems()
	m.Omitted = int64(omitted)
	if c.last != nil {
		m.Omitted += now.since(c.last, m)
	}
	c.last = now
	return &fact.Fact{Time: c.cfg.clock.Now(), Kind: fact.KindMetric, Metric: m}
}

// reading is what the kernel says at one moment, counters as they are.
type reading struct {
	at        time.Duration // since boot
	cpu       *procfs.CPUStat
	cpus      int64
	disks     map[string]blockdevice.IOStats
	networks  procfs.NetDev
	memory    *fact.Memory
	load      *fact.Load
	pressure  []fact.Pressure
	processes int64
}

func (c *Collector) read() *reading {
	r := &reading{at: c.cfg.clock.SinceBoot()}
	if s, err := c.proc.Stat(); err == nil {
		r.cpu, r.cpus = &s.CPUTotal, int64(len(s.CPU))
	}
	if m, err := c.proc.Meminfo(); err == nil {
		r.memory = memory(&m)
	}
	if l, err := c.proc.LoadAvg(); err == nil {
		r.load = &fact.Load{One: l.Load1, Five: l.Load5, Fifteen: l.Load15}
	}
	for _, resource := range []string{"cpu", "memory", "io"} {
		if p, err := c.proc.PSIStatsForResource(resource); err == nil {
			r.pressure = append(r.pressure, pressure(resource, p))
		}
	}
	if n, err := c.proc.NetDev(); err == nil {
		delete(n, "lo")
		r.networks = n
	}
	r.disks = c.disks()
	if pids, err := c.own.Pids(nil, make([]byte, 32<<10)); err == nil {
		r.processes = int64(len(pids))
	}
	return r
}

// disks reads the counters of whole disks, not those of their parts.
func (c *Collector) disks() map[string]blockdevice.IOStats {
	if c.blocks == nil {
		return nil
	}
	all, err := c.blocks.ProcDiskstats()
	if err != nil {
		return nil
	}
	names, err := c.blocks.SysBlockDevices()
	if err != nil {
		return nil
	}
	whole := make(map[string]bool, len(names))
	for _, name := range names {
		whole[name] = true
	}
	disks := make(map[string]blockdevice.IOStats)
	for _, d := range all {
		if used := d.ReadIOs+d.WriteIOs > 0; used && whole[d.DeviceName] {
			disks[d.DeviceName] = d.IOStats
		}
	}
	return disks
}

func memory(m *procfs.Meminfo) *fact.Memory {
	value := func(p *uint64) uint64 {
		if p == nil {
			return 0
		}
		return *p
	}
	// Shared memory counts as cached, and cannot be dropped.
	cached := value(m.CachedBytes) + value(m.BuffersBytes)
	cached -= min(cached, value(m.ShmemBytes))
	return &fact.Memory{
		Total: value(m.MemTotalBytes), Available: value(m.MemAvailableBytes),
		Free: value(m.MemFreeBytes), Cached: cached, Dirty: value(m.DirtyBytes),
		SwapTotal: value(m.SwapTotalBytes), SwapFree: value(m.SwapFreeBytes),
	}
}

func pressure(resource string, s procfs.PSIStats) fact.Pressure {
	p := fact.Pressure{Resource: resource}
	if s.Some != nil {
		p.Some = ratio(s.Some.Avg60, 100)
	}
	if s.Full != nil {
		p.Full = ratio(s.Full.Avg60, 100)
	}
	return p
}
