//go:build linux

package self

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
)

// Queue is what waits to be sent.
type Queue struct {
	Facts   int64
	Bytes   int64
	Dropped int64 // in this session
}

// Config says what to tell.
type Config struct {
	// Source names the process that tells of itself, where a sensor has more
	// than one: watch or send. Empty means that there is one.
	Source string
	// Version is what the sensor says it is.
	Version string
	// Heartbeat is the time between two signs of life; 0 means 15s.
	Heartbeat time.Duration
	// Resource is the time between two looks at what the sensor takes; 0
	// means 1m.
	Resource time.Duration
	// Watching tells what is watched now; nil means that this process watches
	// nothing, not the clock either.
	Watching func() fact.Watching
	// Queue tells what waits to be sent; nil means that it is not told.
	Queue func() Queue

	clock clock.Clock
}

// firstBeat is the wait before the second heartbeat; each further one doubles
// it up to the whole interval. The first comes before anything is watched, and
// whoever started the sensor waits to hear that all of it is.
const firstBeat = 250 * time.Millisecond

// Collector tells of the sensor.
type Collector struct {
	cfg     Config
	fs      *proc.FS
	began   time.Duration // since boot
	started bool
	watch   stepWatch
	cpu     cpuMeter
}

// New opens the proc file system.
func New(cfg Config) (*Collector, error) {
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 15 * time.Second
	}
	if cfg.Resource <= 0 {
		cfg.Resource = time.Minute
	}
	fs, err := proc.Open("")
	if err != nil {
		return nil, err
	}
	return &Collector{cfg: cfg, fs: fs, began: cfg.clock.SinceBoot()}, nil
}

// Name is "self".
func (c *Collector) Name() string { return "self" }

// Run tells once that the sensor began, and then that it lives.
func (c *Collector) Run(ctx context.Context, out watch.Sink) error {
	if !c.started {
		c.started = true
		out.Emit(c.start())
	}
	c.watch.reset(c.cfg.clock)
	c.cpu.read()
	wait := min(firstBeat, c.cfg.Heartbeat)
	beat := time.NewTimer(wait)
	defer beat.Stop()
	resource := time.NewTicker(c.cfg.Resource)
	defer resource.Stop()
	out.Emit(c.heartbeat())
	for {
		select {
		case <-ctx.Done():
			return nil // whoever stops the whole sensor tells that it ends
		case <-beat.C:
			if f := c.step(); f != nil && c.cfg.Watching != nil {
				out.Emit(f)
			}
			out.Emit(c.heartbeat())
			wait = min(2*wait, c.cfg.Heartbeat)
			beat.Reset(wait)
		case <-resource.C:
			out.Emit(c.resource())
		}
	}
}

func (c *Collector) fact(s fact.Sensor) *fact.Fact {
	if s.Source == "" {
		s.Source = c.cfg.Source
	}
	return &fact.Fact{Time: c.cfg.clock.Now(), Kind: fact.KindSensor, Sensor: &s}
}

// uptime is how long the sensor runs, to the millisecond.
func (c *Collector) uptime() float64 {
	return (c.cfg.clock.SinceBoot() - c.began).Round(time.Millisecond).Seconds()
}

// start tells of the sensor and its host.
func (c *Collector) start() *fact.Fact {
	f := c.fact(fact.Sensor{
		Action:       fact.SensorStart,
		Version:      c.cfg.Version,
		Boot:         describe.BootID(c.fs),
		OS:           runtime.GOOS,
		Architecture: runtime.GOARCH,
		Heartbeat:    c.cfg.Heartbeat.Seconds(),
	})
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		f.Sensor.Kernel, _ = fact.Text([]byte(unix.ByteSliceToString(u.Release[:])))
		f.Host.Name, _ = fact.Text([]byte(unix.ByteSliceToString(u.Nodename[:])))
	}
	return f
}

// heartbeat tells that the sensor lives, and what it watches.
func (c *Collector) heartbeat() *fact.Fact {
	s := fact.Sensor{
		Action: fact.SensorHeartbeat, Version: c.cfg.Version,
		Heartbeat: c.cfg.Heartbeat.Seconds(), Uptime: c.uptime(),
	}
	if c.cfg.Watching != nil {
		w := c.cfg.Watching()
		s.Watching = &w
	}
	return c.fact(s)
}

// resource tells what the sensor takes.
func (c *Collector) resource() *fact.Fact {
	s := fact.Sensor{
		Action: fact.SensorResource, Uptime: c.uptime(), CPU: c.cpu.read(),
		Goroutines: int64(runtime.NumGoroutine()), RSS: c.rss(),
	}
	if c.cfg.Queue != nil {
		q := c.cfg.Queue()
		s.QueueDepth, s.QueueBytes, s.Dropped = q.Facts, q.Bytes, q.Dropped
	}
	return c.fact(s)
}

// rss is the sensor's resident memory in bytes.
func (c *Collector) rss() uint64 {
	data, err := c.fs.File("self/statm", make([]byte, 128))
	if err != nil {
		return 0
	}
	pages, err := parseResident(data)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// parseResident reads the second field of proc_pid_statm(5), in pages.
func parseResident(data []byte) (uint64, error) {
	_, rest, _ := strings.Cut(string(data), " ")
	resident, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(resident, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("malformed statm %.80q", data)
	}
	return n, nil
}

// cpuMeter measures the sensor's own processor time.
type cpuMeter struct {
	at   time.Time
	used time.Duration
}

// read is the share of one processor since the last call.
func (m *cpuMeter) read() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	now, used := time.Now(), time.Duration(u.Utime.Nano()+u.Stime.Nano())
	before := *m
	m.at, m.used = now, used
	if before.at.IsZero() {
		return 0
	}
	return share(used-before.used, now.Sub(before.at))
}

// share is part of whole, to a hundredth of a per cent.
func share(part, whole time.Duration) float64 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return float64(int64(float64(part)/float64(whole)*1e4+0.5)) / 1e4
}
