//go:build linux

package process

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/proc"
)

// Config says how to look.
type Config struct {
	// Interval is the time between two looks at the list of processes; 0
	// means 1s.
	Interval time.Duration
	// Revalidate is within how many looks every known process is looked at
	// again at a glance, for another image, a deleted file or another user; 0
	// means 10. Within five times as many it is looked at whole, which also
	// shows the same image executed again, another name, and a number given
	// twice. Young processes are looked at whole every time.
	Revalidate int
	// HashWait is how long a fact waits for the hash of its image. It then
	// goes without, as deferred, and a "seen" with the hash follows; 0 means 2s.
	HashWait time.Duration
	// MaxHashSize is the largest image that is hashed; 0 means 256 MiB.
	MaxHashSize int64
	// Proc is where the proc file system is mounted; empty means /proc.
	Proc string
	// Etc is where passwd and group are; empty means /etc.
	Etc string
	// Logger takes what only a maintainer can use; nil means none.
	Logger *slog.Logger

	clock clock.Clock
}

func (c Config) withDefaults() Config {
	if c.Interval <= 0 {
		c.Interval = time.Second
	}
	if c.Revalidate <= 0 {
		c.Revalidate = 10
	}
	if c.HashWait <= 0 {
		c.HashWait = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

const (
	// young is how long a process is looked at every time: long enough for
	// fork, exec and giving up rights.
	young = 5 * time.Second
	// step and pause bound how fast a crowd of new processes is read: at the
	// start, or when something forks without end.
	step  = 250
	pause = 100 * time.Millisecond
	// thorough is every how many glances a process is looked at whole.
	thorough = 5
)

// Collector looks at processes.
type Collector struct {
	cfg    Config
	host   *describe.Host
	hasher *digest.Hasher
	done   *results

	mu    sync.RWMutex // guards table against Kin, Recall and Count; only Run writes
	table map[int32]*entry

	// What follows belongs to Run.
	out      watch.Sink
	began    uint64 // start ticks from which on a process is new to the sensor
	scans    uint64
	activity proc.Activity // when the list was last read
	due      []due
	backlog  []int32 // new, not yet read
	queued   map[int32]bool
	waiting  map[*entry]bool // with a fact that waits for a hash
	pids     []int32
	dirents  []byte
	blind    int64 // entries whose image may not be read
	bodies   int64 // entries that could have one
	coverage coverage
	gone     tally
}

// New opens the proc file system.
func New(cfg Config) (*Collector, error) {
	cfg = cfg.withDefaults()
	fs, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	return &Collector{
		cfg: cfg,
		host: &describe.Host{
			FS: fs, Names: account.New(cfg.Etc), Boot: describe.BootID(fs), Clock: cfg.clock,
		},
		hasher:  digest.New(digest.Config{MaxSize: cfg.MaxHashSize}),
		done:    newResults(),
		table:   make(map[int32]*entry),
		dirents: make([]byte, 32<<10),
	}, nil
}

// Name is "process".
func (c *Collector) Name() string { return "process" }

// Run looks at the processes until the context ends. What runs already is told
// as seen.
func (c *Collector) Run(ctx context.Context, out watch.Sink) error {
	c.reset(out)
	c.tellHidden()
	tick := time.NewTicker(c.cfg.Interval)
	defer tick.Stop()
	more := time.NewTimer(pause)
	defer more.Stop()
	if err := c.scan(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			c.flush()
			return nil
		case <-tick.C:
			if err := c.scan(); err != nil {
				return err
			}
		case <-more.C:
			c.read(step)
		case <-c.done.wake:
			c.settle()
		}
		if len(c.backlog) > 0 {
			more.Reset(pause)
		}
	}
}

// reset starts over, also after a failure: the baseline is told anew.
func (c *Collector) reset(out watch.Sink) {
	c.mu.Lock()
	clear(c.table)
	c.mu.Unlock()
	c.out = out
	c.began = uint64(c.host.Clock.SinceBoot() / clock.Tick)
	c.backlog, c.queued = nil, make(map[int32]bool)
	c.waiting = make(map[*entry]bool)
	c.blind, c.bodies = 0, 0
	c.activity = proc.Activity{}
	c.coverage, c.gone = coverage{}, tally{}
}

// Count is how many processes are known.
func (c *Collector) Count() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return int64(len(c.table))
}

// Host is what other collectors describe processes with.
func (c *Collector) Host() *describe.Host { return c.host }

// Hasher is what other collectors hash images with.
func (c *Collector) Hasher() *digest.Hasher { return c.hasher }

// Kin finds a process that is known, as an ancestor of another one.
func (c *Collector) Kin(pid int32) (describe.Kin, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.table[pid]
	if !ok {
		return describe.Kin{}, false
	}
	return e.kin(), true
}

// Recall is what was last known of a process that may have ended since: as
// much of its blocks as is kept.
func (c *Collector) Recall(pid int32) (*fact.Process, *fact.User, *fact.Service, bool) {
	c.mu.RLock()
	e, ok := c.table[pid]
	if !ok {
		c.mu.RUnlock()
		return nil, nil, nil, false
	}
	k := e.kept
	c.mu.RUnlock()
	p := c.block(&k)
	c.host.Lineage(p, k.ppid, k.stat.StartTicks, c.Kin)
	return p, c.host.User(k.ids), describe.Service(k.unit), true
}
