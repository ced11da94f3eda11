//go:build linux

package canary

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/digest"
)

// Canary is a file to watch. It need not exist yet.
type Canary struct {
	// ID names the canary in facts. Must be set, each to another one.
	ID string
	// Path is the file, absolute. Must be set.
	Path string
	// Type is what it pretends to be, for facts; empty where nobody said.
	Type string
}

// Processes knows the host's processes; the process collector is one.
type Processes interface {
	// Host describes processes.
	Host() *describe.Host
	// Hasher hashes images.
	Hasher() *digest.Hasher
	// Kin finds a known process as an ancestor.
	Kin(pid int32) (describe.Kin, bool)
	// Recall is what was last known of a process that may be gone.
	Recall(pid int32) (*fact.Process, *fact.User, *fact.Service, bool)
}

// Config says what to watch.
type Config struct {
	// Canaries are the files; empty means that the collector only waits.
	Canaries []Canary
	// Processes is the process collector; nil means that processes are read
	// here, and that those which are gone are not recalled.
	Processes Processes
	// Check is how often every canary is looked at, for what no event tells
	// of: a mount over it, a folder renamed high above, a watch that could
	// not be had; 0 means 30s.
	Check time.Duration
	// Lookouts is how many threads wait for a touch to find the process at
	// once; 0 means one a processor, at most 16, less than 0 means none.
	Lookouts int
	// NoFanotify leaves fanotify alone also where the sensor may use it.
	NoFanotify bool
	// FanGroup is the descriptor of a fanotify group with FAN_REPORT_FID that
	// somebody with the right to make one handed down: HandedDown finds it. 0
	// means that the sensor makes its own where it may.
	FanGroup int
	// NoAudit leaves the audit alone also where the sensor may listen to it.
	NoAudit bool
	// Armed is called when all canaries are watched as well as they can be, each
	// time that Run has come so far; nil means that nobody waits for it.
	Armed func()
	// Logger takes what only a maintainer can use; nil means none.
	Logger *eventlog.Logger

	clock  clock.Clock
	before func()                  // called before each read of a queue
	limit  func(watches int) error // refuses a watch, as the kernel does
}

func (c Config) withDefaults() Config {
	if c.Check <= 0 {
		c.Check = 30 * time.Second
	}
	if c.before == nil {
		c.before = func() {}
	}
	return c
}

const (
	// together is how long the queues are given to tell of one deed.
	together = 3 * time.Millisecond
	// patience is how long a fact waits for who did it.
	patience = 5 * time.Millisecond
	// hashPatience is how much longer the first fact about a program waits for
	// its hash: a response names the process by it.
	hashPatience = 15 * time.Millisecond
	// calm is how long after its last touch a canary is made ready for the
	// next one.
	calm = time.Second
)

// Collector watches canaries.
type Collector struct {
	cfg      Config
	procs    Processes
	canaries []*canary
	armed    atomic.Int64
	hears    atomic.Pointer[[]string] // see Sources

	// What follows belongs to Run.
	out      watch.Sink
	files    *queue
	folders  *queue
	fan      *fanQueue
	audit    *auditor
	unheard  int  // touches without the audit's word, since its last
	owing    bool // the audit owes words
	stale    bool // what is watched has changed
	targets  targets
	nodes    map[int32]*node // by watch of files
	marks    map[string]*node
	dirs     map[int32]*dir // by watch of folders
	late     []*node        // that are no longer watched, but of which there may still be a word
	watches  int
	limited  bool // the kernel's limit of watches is told
	lookouts *lookouts
	floods   floods
	follow   *follow
	lastRead [3]time.Time // of each source
	broken   string       // why there is no inotify
	own      *glance      // Run's own look through /proc
	pids     []int32
	dirents  []byte
	repeat   []int32  // processes that touched a canary lately
	recent   []recent // the last of them, as they were described
}

// New checks the configuration. It needs no right and opens no canary.
func New(cfg Config) (*Collector, error) {
	cfg = cfg.withDefaults()
	c := &Collector{cfg: cfg, procs: cfg.Processes, follow: newFollow()}
	ids := make(map[string]bool)
	for _, want := range cfg.Canaries {
		if want.ID == "" || ids[want.ID] {
			return nil, fmt.Errorf("malformed canary id %q: empty, or there twice", want.ID)
		}
		if !filepath.IsAbs(want.Path) {
			return nil, fmt.Errorf("malformed path %q of canary %q: not absolute", want.Path, want.ID)
		}
		ids[want.ID] = true
		c.canaries = append(c.canaries, newCanary(want.ID, filepath.Clean(want.Path), want.Type))
	}
	if c.procs == nil {
		own, err := newOwnProcesses(cfg.clock)
		if err != nil {
			return nil, err
		}
		c.procs = own
	}
	return c, nil
}

// Name is "canary".
func (c *Collector) Name() string { return "canary" }

// Count is how many canaries are watched now.
func (c *Collector) Count() int64 { return c.armed.Load() }

// Sources are what tells of touches now, the plainest first: "inotify",
// "fanotify", "audit".
func (c *Collector) Sources() []string {
	if s := c.hears.Load(); s != nil {
		return *s
	}
	return nil
}

// Run watches until the context ends.
func (c *Collector) Run(ctx context.Context, out watch.Sink) error {
	c.reset(out)
	if len(c.canaries) == 0 {
		c.tellArmed()
		<-ctx.Done()
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	events := make(chan struct{}, 1)
	c.open(events)
	for _, pump := range c.pumps() {
		group.Go(func() error { return pump(c.cfg.before, ctx.Done()) })
	}
	mounted := make(chan struct{}, 1)
	group.Go(func() error { watchMounts(ctx, mounted); return nil })
	group.Go(func() error {
		defer c.close() // wakes the pumps
		return c.loop(ctx, events, mounted)
	})
	return group.Wait()
}

func (c *Collector) tellArmed() {
	if c.cfg.Armed != nil {
		c.cfg.Armed()
	}
}

// loop is the one goroutine that knows what is watched.
func (c *Collector) loop(ctx context.Context, events <-chan struct{}, mounted <-chan struct{}) error {
	c.arrangeAll()
	c.settle()
	c.tellArmed()
	check := time.NewTicker(c.cfg.Check)
	defer check.Stop()
	second := time.NewTimer(time.Second)
	defer second.Stop()
	waiting := true
	for {
		select {
		case <-ctx.Done():
			c.floods.flush(c.emit)
			return nil
		case <-events:
			c.turn()
		case <-check.C:
			c.check(true)
		case <-mounted:
			c.check(false)
		case <-second.C:
			c.floods.flush(c.emit)
			c.settleDown()
			if c.audit != nil {
				c.tellWords(true)
			}
			waiting = false
		case <-c.audit.roused():
			c.tellWords(false)
		case <-c.follow.wake:
			c.follow.tell(c.emit)
			continue
		}
		c.settle()
		if !waiting && c.restless() { // at rest, nothing wakes the sensor
			second.Reset(calm / 2)
			waiting = true
		}
	}
}

// reset starts over, also after a failure.
func (c *Collector) reset(out watch.Sink) {
	c.out = out
	c.nodes, c.marks, c.dirs = make(map[int32]*node), make(map[string]*node), make(map[int32]*dir)
	c.late = nil
	c.watches, c.limited, c.broken = 0, false, ""
	c.armed.Store(0)
	c.hears.Store(nil)
	c.floods = newFloods()
	for i, old := range c.canaries {
		c.canaries[i] = newCanary(old.id, old.path, old.kind)
	}
	c.lookouts, c.own, c.repeat, c.recent = nil, nil, nil, nil
	c.files, c.folders, c.fan, c.audit, c.unheard, c.owing = nil, nil, nil, nil, 0, false
	c.dirents = make([]byte, 32<<10)
	now := time.Now()
	c.lastRead = [3]time.Time{now, now, now}
}

// open opens what the kernel gives. Without inotify the canaries are still
// looked at, and told to be unwatched.
func (c *Collector) open(wake chan<- struct{}) {
	var err error
	if c.files, err = openQueue(fromFiles, wake); err != nil {
		c.broken = err.Error()
		return
	}
	if c.folders, err = openQueue(fromFolders, wake); err != nil {
		c.broken = err.Error()
		c.files.close()
		c.files = nil
		return
	}
	if !c.cfg.NoFanotify {
		c.fan = openFan(c.cfg.FanGroup, c.procs.Host().FS, wake, c.cfg.Logger)
	}
	if !c.cfg.NoAudit {
		c.audit = openAudit(c.procs.Host(), &c.targets, c.cfg.Logger)
	}
	hears := []string{"inotify"}
	if c.fan != nil {
		hears = append(hears, fact.AttributionFanotify)
	}
	if c.audit != nil {
		hears = append(hears, fact.AttributionAudit)
	}
	c.hears.Store(&hears)
	c.lookouts = startLookouts(c.cfg.Lookouts, c.files, c.fan, c.procs.Host().FS, &c.targets, c.cfg.Logger)
	c.own = newGlance(c.lookouts)
}

// pumps are the readers of the queues that are open.
func (c *Collector) pumps() []func(func(), <-chan struct{}) error {
	var all []func(func(), <-chan struct{}) error
	if c.files != nil {
		all = append(all, c.files.pump, c.folders.pump)
	}
	if c.fan != nil {
		all = append(all, c.fan.pump)
	}
	if c.audit != nil {
		all = append(all, c.audit.pump)
	}
	return all
}

func (c *Collector) close() {
	c.lookouts.stop()
	if c.files != nil {
		c.files.close()
		c.folders.close()
	}
	if c.fan != nil {
		c.fan.close()
	}
	if c.audit != nil {
		c.audit.file.Close()
	}
}
