//go:build linux

package process

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/connector"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/internal/redact"
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
	// ScanOnly means that the kernel is not asked to tell of processes as they
	// begin, execute and end, where it would. Looks are then all there is.
	ScanOnly bool
	// Rate is how many processes a second are read and told one by one of
	// those that the kernel tells of, twice as many at once after a rest; the
	// others are read when there is time, or counted where they end first. 0
	// means 300.
	Rate int
	// HashWait is how long a fact waits for the hash of its image. It then
	// goes without, as deferred, and a "seen" with the hash follows; 0 means 2s.
	HashWait time.Duration
	// HashRate is how many bytes a second are read for hashing in the long
	// run; 0 means 32 MiB.
	HashRate int64
	// MaxHashSize is the largest image that is hashed; 0 means 256 MiB.
	MaxHashSize int64
	// Proc is where the proc file system is mounted; empty means /proc.
	Proc string
	// Etc is where passwd and group are; empty means /etc.
	Etc string
	// Packages are asked whether a package vouches for an image; nil means
	// that nobody is.
	Packages Packages
	// KeepSecrets leaves secrets in arguments, which otherwise are taken out.
	KeepSecrets bool
	// SecretWords end further names whose values are secrets, lower case and
	// without dashes and underscores; empty means only those that are built in.
	SecretWords []string
	// Logger takes what only a maintainer can use; nil means none.
	Logger *eventlog.Logger

	clock     clock.Clock
	listening func(*connector.Socket) // for tests; nil means nobody
}

func (c Config) withDefaults() Config {
	if c.Interval <= 0 {
		c.Interval = time.Second
	}
	if c.Revalidate <= 0 {
		c.Revalidate = 10
	}
	if c.Rate <= 0 {
		c.Rate = 300
	}
	if c.HashWait <= 0 {
		c.HashWait = 2 * time.Second
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

	ended atomic.Int64 // how many of the table have ended, for Count
	mu    sync.RWMutex // guards table and dead against Kin, Recall and Count; only Run writes
	table map[int32]*entry
	hears atomic.Bool

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
	putOff   time.Time // when files that wait to be hashed were last told

	ear    ear
	via    string // how what is told now came to be known
	budget budget
	crowd  crowd
	born   map[int32]*newborn
	fresh  []*newborn       // those of born that are not read, oldest first
	ending map[int32]int    // by process, the event that ends it, of those taken in now
	dirty  map[int32]bool   // their user changed
	reaped map[int32]uint64 // start times of those that ended and may still be listed
	dead   []*entry         // ended, and still in table; the mutex guards it too
	ticks  int
	asleep time.Duration // what the time since boot is ahead of CLOCK_MONOTONIC

	headless []headless
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
			Secrets: redact.Secrets{Off: cfg.KeepSecrets, Words: cfg.SecretWords},
		},
		hasher:  digest.New(digest.Config{MaxSize: cfg.MaxHashSize, Rate: cfg.HashRate}),
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
	c.listen() // before the first look, so that nothing falls in between
	defer c.unlisten()
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
			c.tellGone(c.host.Clock.Now(), true)
			c.tellCrowd(c.host.Clock.Now(), true)
			return nil
		case <-tick.C:
			if err := c.tick(); err != nil {
				return err
			}
		case <-c.wakes():
			c.hear()
		case <-more.C:
			c.hear()
			c.read(step)
		case <-c.done.wake:
			c.settle()
		}
		if len(c.backlog) > 0 || len(c.fresh) > 0 || len(c.headless) > 0 {
			more.Reset(pause)
		}
	}
}

// tick is what is done in every interval: a look, or while the kernel tells
// what happens, a look at every fifth.
func (c *Collector) tick() error {
	c.ticks++
	c.attend()
	c.tellPutOff(c.host.Clock.Now())
	if !c.ear.live || c.ear.catch || c.ticks%calm == 0 {
		return c.scan()
	}
	now := c.host.Clock.Now()
	c.expire(now)
	c.tellGone(now, false)
	c.tellCrowd(now, false)
	return nil
}

// looks is within how many looks every process is looked at again.
func (c *Collector) looks() uint64 {
	if c.ear.live {
		return uint64(max(1, c.cfg.Revalidate/calm))
	}
	return uint64(c.cfg.Revalidate)
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
	c.ear, c.via = ear{}, fact.SourceScan
	c.budget, c.crowd = budget{rate: float64(c.cfg.Rate)}, crowd{}
	c.born, c.fresh, c.headless = make(map[int32]*newborn), nil, nil
	c.setDead(nil)
	c.ending, c.dirty, c.reaped = make(map[int32]int), make(map[int32]bool), make(map[int32]uint64)
}

// Count is how many processes are known.
func (c *Collector) Count() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return max(0, int64(len(c.table))-c.ended.Load())
}

// setDead replaces the list of those that ended, and tells Count how many.
func (c *Collector) setDead(dead []*entry) {
	c.dead = dead
	c.ended.Store(int64(len(dead)))
}

// Live tells whether the kernel tells of processes as they begin and end.
func (c *Collector) Live() bool { return c.hears.Load() }

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
	return p, c.user(&k), describe.Service(k.unit), true
}
