//go:build linux

package metric

import (
	"context"
	"os"
	"path/filepath"
	"time"

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
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	if cfg.Sys == "" {
		cfg.Sys = "/sys"
	}
	if cfg.statfs == nil {
		cfg.statfs = askKernel
	}
	p, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	return &Collector{cfg: cfg, proc: p, gate: patience.NewGate(maxLost)}, nil
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
	cpu       *cpuTimes
	cpus      int64
	disks     map[string]io
	networks  map[string]traffic
	memory    *fact.Memory
	load      *fact.Load
	pressure  []fact.Pressure
	processes int64
}

// file reads a file of the kernel's, cut at the bound; nil where it cannot.
func (c *Collector) file(name string) []byte {
	data, _, err := c.proc.Whole(name, maxFile)
	if err != nil {
		return nil
	}
	return data
}

func (c *Collector) read() *reading {
	r := &reading{at: c.cfg.clock.SinceBoot()}
	if t, cpus, ok := parseStat(c.file("stat")); ok {
		r.cpu, r.cpus = &t, cpus
	}
	if data := c.file("meminfo"); data != nil {
		r.memory = parseMeminfo(data)
	}
	r.load = parseLoad(c.file("loadavg"))
	for _, resource := range []string{"cpu", "memory", "io"} {
		if p, ok := parsePressure(resource, c.file("pressure/"+resource)); ok {
			r.pressure = append(r.pressure, p)
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

// disks reads the counters of whole disks, not those of their parts, and of
// none that was never used.
func (c *Collector) disks() map[string]io {
	whole, err := os.ReadDir(filepath.Join(c.cfg.Sys, "block"))
	if err != nil {
		return nil
	}
	all, disks := parseDiskstats(c.file("diskstats")), make(map[string]io)
	for _, entry := range whole {
		if d, ok := all[entry.Name()]; ok && d.reads+d.writes > 0 {
			disks[entry.Name()] = d
		}
	}
	return disks
}
