package inventory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/watch"
)

// maxSources is how many sources a watcher tells apart.
const maxSources = 64

// Config says what to read.
type Config struct {
	// Sources are read side by side; one that fails or never answers leaves
	// the others alone. None is fine.
	Sources []Source
	// Interval is the time between two readings of a source; 0 means 60s. One
	// that a watch asks for comes before its time.
	Interval time.Duration
	// Patience is how long a reading may take; 0 means 20s. One that takes
	// longer is told as lost, and the source is left alone until it comes back.
	Patience time.Duration
	// Logger takes what only a maintainer can use; nil means none.
	Logger *eventlog.Logger

	watch func(*eventlog.Logger) watcher // stands in for inotify, in tests
}

// watcher tells when files change.
type watcher interface {
	// arm makes the paths those that are watched for a source. It may block as
	// long as the paths' file systems do, and is called by many goroutines.
	arm(source int, paths []string) error
	// woken is readable once something has changed; take then tells for which
	// sources, a bit each.
	woken() <-chan struct{}
	take() uint64
	close()
}

// Collector reads sources and tells what changed between two readings.
type Collector struct {
	cfg  Config
	wake chan struct{}

	mu     sync.Mutex
	orders map[fact.Kind]*watch.Resync // not yet looked at
}

// New checks the table of sources.
func New(cfg Config) (*Collector, error) {
	if cfg.Interval <= 0 {
		cfg.Interval = time.Minute
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 20 * time.Second
	}
	if cfg.watch == nil {
		cfg.watch = newWatcher
	}
	if len(cfg.Sources) > maxSources {
		return nil, fmt.Errorf("internal error: %d sources where %d are allowed", len(cfg.Sources), maxSources)
	}
	c := &Collector{cfg: cfg, wake: make(chan struct{}, 1), orders: map[fact.Kind]*watch.Resync{}}
	for _, s := range cfg.Sources {
		for _, k := range s.Kinds() {
			if _, twice := c.orders[k]; twice {
				return nil, fmt.Errorf("internal error: two sources read the kind %q", k)
			}
			c.orders[k] = nil
		}
	}
	return c, nil
}

// Name is "inventory".
func (c *Collector) Name() string { return "inventory" }

// Obey takes an order to tell the hub what it lacks. Of two orders about one
// kind the newer counts.
func (c *Collector) Obey(o watch.Order) {
	r := o.Resync
	if r == nil || len(r.Held) > MaxEntities {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.orders[r.Of]; !known {
		return
	}
	c.orders[r.Of] = r
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// taken takes the order about a kind.
func (c *Collector) taken(k fact.Kind) *watch.Resync {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.orders[k]
	c.orders[k] = nil
	return o
}

// Run reads every source at once, then whenever its time comes. The first
// reading is only summed up: whether something changed while nobody looked,
// the hub tells from the digest.
func (c *Collector) Run(ctx context.Context, out watch.Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := c.cfg.watch(c.cfg.Logger)
	defer w.close()
	r := &run{c: c, out: out, watcher: w, results: make(chan result, maxSources), tokens: burst, poured: time.Now()}
	for i, s := range c.cfg.Sources {
		r.feeds = append(r.feeds, newFeed(s, i))
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case res := <-r.results:
			r.done(res)
		case <-w.woken():
			r.fired(w.take())
		case <-c.wake:
		case <-timer.C:
		}
		now := time.Now()
		r.obey(now)
		r.start(ctx, now)
		r.tell(now)
		timer.Reset(r.until(now))
	}
}

// run is what one call of Run knows.
type run struct {
	c       *Collector
	out     watch.Sink
	watcher watcher
	feeds   []*feed
	results chan result // with room for all that can be under way
	live    []delta     // what changed, to be told
	tokens  float64     // how many facts may be told now
	poured  time.Time   // when tokens was counted
}

// fired notes that files of sources have changed.
func (r *run) fired(sources uint64) {
	for _, f := range r.feeds {
		if sources&(1<<f.number) != 0 && f.asked.IsZero() {
			f.asked = time.Now()
		}
	}
}

// start begins the readings whose time has come, and gives up waiting for
// those that take too long.
func (r *run) start(ctx context.Context, now time.Time) {
	for _, f := range r.feeds {
		switch {
		case f.busy && !f.late && now.Sub(f.began) >= r.c.cfg.Patience:
			f.late = true
			r.lack(f, trouble{cause: fact.LossTimeout}, 1, fmt.Sprintf("it did not answer within %v", r.c.cfg.Patience), now)
		case !f.busy && !now.Before(f.ready(now)):
			r.read(ctx, f, now)
		}
	}
}

func (r *run) read(ctx context.Context, f *feed, now time.Time) {
	f.begin(now)
	stamp := f.stamp
	if now.Sub(f.whole) >= renew {
		stamp = ""
	}
	before := make([]*stock, len(f.holdings))
	for i, h := range f.holdings {
		before[i] = h.stock
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, r.c.cfg.Patience)
		defer cancel()
		r.results <- f.read(ctx, r.watcher, stamp, before)
	}()
}

// done takes what a reading brought.
func (r *run) done(res result) {
	f, now := res.feed, time.Now()
	late := f.late
	f.end(now, r.c.cfg.Interval)
	if late { // it says how things were, nobody knows when
		f.late = false
		return
	}
	defer f.told.sweep()
	if res.moved && f.asked.IsZero() {
		f.asked = now // what changed before the new watches stood, only another reading tells
	}
	if res.watched != nil {
		// Nothing is lost: what no watch tells of is found at the next reading.
		r.lack(f, trouble{of: "watch"}, 1, "changes are only noticed by the clock: "+res.watched.Error(), now)
	}
	switch {
	case res.same:
		f.told.keep()
		return
	case errors.Is(res.err, context.DeadlineExceeded):
		r.lack(f, trouble{cause: fact.LossTimeout}, 1, res.err.Error(), now)
		return
	case res.err != nil:
		r.c.cfg.Logger.Warn("reading an inventory failed", "source", f.source.Name(), "error", res.err)
		r.lack(f, trouble{}, 1, res.err.Error(), now)
		return
	}
	f.stamp, f.whole = res.stamp, now
	for _, g := range res.gaps {
		r.lack(f, trouble{g.Of, g.Cause}, max(g.Count, 1), g.Reason, now)
	}
	for i, h := range f.holdings {
		r.update(h, &res.found[i])
	}
}

// update puts what was found in the place of what was known, and queues what
// is to be told of it.
func (r *run) update(h *holding, n *found) {
	if n.omitted != h.omitted || n.reason != h.reason {
		h.omitted, h.reason, h.due = n.omitted, words(n.reason), true
	}
	switch {
	case n.stock == nil:
		return
	case h.stock == nil:
		h.stock, h.due = n.stock, true
		return
	case h.stock.digest == n.stock.digest:
		return
	}
	deltas := compare(h.stock, n.stock, n.items)
	h.stock, h.due = n.stock, true
	for _, d := range deltas {
		h.wants.forget(d.key)
	}
	if over := len(r.live) + len(deltas) - maxLive; over > 0 {
		over = min(over, len(deltas))
		h.wants.add(deltas[len(deltas)-over:])
		deltas = deltas[:len(deltas)-over]
	}
	r.live = append(r.live, deltas...)
}

// lack tells of a trouble, unless it was told already.
func (r *run) lack(f *feed, t trouble, count int64, reason string, now time.Time) {
	if f.told.news(t, count, reason, now) {
		r.out.Emit(lacking(f.source.Name(), t, count, reason, now.Round(0).UTC()))
	}
}
