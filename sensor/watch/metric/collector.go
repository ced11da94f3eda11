//go:build linux

package metric

import (
	"bytes"
	"context"
	"path/filepath"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/patience"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/internal/regular"
)

// maxFile bounds each file of the proc file system. What lies behind is left
// out; a device takes some hundred bytes.
const maxFile = 4 << 20

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
	cfg  Config
	proc *proc.FS
	gate *patience.Gate
	last *reading
}

// New opens the proc file system.
func New(cfg Config) (*Collector, error) {
	if cfg.Interval <= 0 {
		cfg.Interval = 15 * time.Second
	}
	if cfg.Sys == "" {
		cfg.Sys = "/sys"
	}
	if cfg.statfs == nil {
		cfg.statfs = askKernel
	}
	fs, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	return &Collector{cfg: cfg, proc: fs, gate: patience.NewGate(maxLost)}, nil
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
	cpu       *cpuTicks
	cpus      int64
	disks     map[string]diskCounters
	networks  map[string]netCounters
	memory    *fact.Memory
	load      *fact.Load
	pressure  []fact.Pressure
	processes int64
}

func (c *Collector) read() *reading {
	r := &reading{at: c.cfg.clock.SinceBoot()}
	r.cpu, r.cpus = parseStat(c.file("stat"))
	if m := parseMeminfo(c.file("meminfo")); m != nil {
		r.memory = memory(m)
	}
	if l, ok := parseLoadavg(c.file("loadavg")); ok {
		r.load = &fact.Load{One: l[0], Five: l[1], Fifteen: l[2]}
	}
	for _, resource := range []string{"cpu", "memory", "io"} {
		if some, full, ok := parsePressure(c.file("pressure/" + resource)); ok {
			r.pressure = append(r.pressure, fact.Pressure{Resource: resource, Some: ratio(some, 100), Full: ratio(full, 100)})
		}
	}
	r.networks = parseNetDev(c.file("net/dev"))
	delete(r.networks, "lo")
	r.disks = c.disks()
	if pids, err := c.proc.Pids(nil, make([]byte, 32<<10)); err == nil {
		r.processes = int64(len(pids))
	}
	return r
}

// file is a file of the proc file system, up to the bound and nothing of a
// line that goes over it; nil where it cannot be read.
func (c *Collector) file(name string) []byte {
	data, more, err := c.proc.Whole(name, maxFile)
	if err != nil {
		return nil
	}
	if more {
		data = data[:bytes.LastIndexByte(data, '\n')+1]
	}
	return data
}

// disks reads the counters of whole disks that were ever used, not those of
// their parts.
func (c *Collector) disks() map[string]diskCounters {
	whole, _, err := regular.List(filepath.Join(c.cfg.Sys, "block"), maxDevices)
	if err != nil {
		return nil
	}
	all := parseDiskstats(c.file("diskstats"))
	disks := make(map[string]diskCounters)
	for _, entry := range whole {
		if d, ok := all[entry.Name()]; ok && d.readOps+d.writeOps > 0 {
			disks[entry.Name()] = d
		}
	}
	return disks
}

func memory(m *memoryBytes) *fact.Memory {
	// Shared memory counts as cached, and cannot be dropped.
	cached := m.cached + m.buffers
	cached -= min(cached, m.shmem)
	return &fact.Memory{
		Total: m.total, Available: m.available, Free: m.free, Cached: cached, Dirty: m.dirty,
		SwapTotal: m.swapTotal, SwapFree: m.swapFree,
	}
}
