package fleet

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"picket.internal/fact"
	"picket.internal/hub/internal/stats"
	"picket.internal/hub/internal/store"
)

// refusedEvery is how often one cause of refusal of one host is told.
const refusedEvery = time.Minute

// Store is where hosts are listed and notices go.
type Store interface {
	WatchedHosts(ctx context.Context) ([]store.Watched, error)
	MarkSilent(ctx context.Context, w store.Watched, silentFor time.Duration) error
	Notice(ctx context.Context, f *fact.Fact) error
}

// Clock is a clock that only goes forward.
type Clock interface {
	// Now is the time since some fixed moment.
	Now() time.Duration
	// After is like time.After.
	After(d time.Duration) <-chan time.Time
}

// Config says what a Monitor works with. Store and SilentAfter must be set.
type Config struct {
	Store Store
	// SilentAfter is how long nothing may be heard of a host.
	SilentAfter time.Duration
	// Clock measures it; empty means the system's monotonic clock.
	Clock Clock
	// Stats counts the silent; empty means nobody does.
	Stats *stats.Set
	// Logger is told what goes wrong; empty means nobody.
	Logger *slog.Logger
}

// Monitor keeps time for every host. Its methods may be called from any
// goroutine; Run is called once.
type Monitor struct {
	cfg Config

	mu      sync.Mutex
	heard   map[string]time.Duration // by host; guarded by mu
	refused map[cause]*refusals      // guarded by mu
	wake    chan struct{}            // something to tell at once
}

type cause struct{ host, id string }

// refusals counts what one host had refused for one cause.
type refusals struct {
	name   string
	count  int64 // not told yet
	toldAt time.Duration
	told   bool
}

// New returns a monitor that has heard nobody yet.
func New(cfg Config) *Monitor {
	if cfg.Clock == nil {
		cfg.Clock = systemClock{time.Now()}
	}
	if cfg.Stats == nil {
		cfg.Stats = stats.New()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Monitor{cfg: cfg, heard: map[string]time.Duration{}, refused: map[cause]*refusals{}, wake: make(chan struct{}, 1)}
}

// Heard notes that a host lives.
func (m *Monitor) Heard(hostID string) {
	now := m.cfg.Clock.Now()
	m.mu.Lock()
	m.heard[hostID] = now
	m.mu.Unlock()
}

// Refused notes that something of a known host was refused.
func (m *Monitor) Refused(peer store.Peer, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := cause{peer.ID, id}
	r := m.refused[key]
	if r == nil {
		r = &refusals{name: peer.Name}
		m.refused[key] = r
	}
	r.count++
	if !r.told {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
}

// Run looks at the clock until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	// Four looks in the time allowed: a silence is told at most a quarter late.
	every := max(m.cfg.SilentAfter/4, 10*time.Millisecond)
	next := m.cfg.Clock.After(every)
	for {
		select {
		case <-ctx.Done():
			m.tellRefused(context.WithoutCancel(ctx), true)
			return nil
		case <-m.wake:
			m.tellRefused(ctx, false)
		case <-next:
			m.Look(ctx)
			next = m.cfg.Clock.After(every)
		}
	}
}

// Look tells what there is to tell now. What the store does not take is told at
// the next look.
func (m *Monitor) Look(ctx context.Context) {
	hosts, err := m.cfg.Store.WatchedHosts(ctx)
	if err != nil {
		m.cfg.Logger.Error("looking for silent hosts", "error", err)
		return
	}
	for _, w := range hosts {
		silentFor := m.quiet(w.ID)
		if w.Silent || silentFor < m.cfg.SilentAfter {
			continue
		}
		if err := m.cfg.Store.MarkSilent(ctx, w, silentFor); err != nil {
			m.cfg.Logger.Warn("a silent host could not be recorded, trying again", "host", w.ID, "error", err)
			continue
		}
		m.cfg.Stats.Add("host.silent", 1)
		m.cfg.Logger.Warn("host is silent", "host", w.ID, "name", w.Name, "for", silentFor.Round(time.Millisecond))
	}
	m.tellRefused(ctx, false)
}

// quiet is how long nothing was heard of a host. One that is new here, because
// it was enrolled just now or the hub has just started, counts as heard.
func (m *Monitor) quiet(id string) time.Duration {
	now := m.cfg.Clock.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	last, ok := m.heard[id]
	if !ok {
		m.heard[id] = now
		return 0
	}
	return now - last
}

// tellRefused tells what was refused and not told yet: the first of a cause at
// once, what follows once a minute, and everything at the end.
func (m *Monitor) tellRefused(ctx context.Context, all bool) {
	for _, f := range m.takeRefused(all) {
		m.cfg.Logger.Warn("refused from a host", "host", f.Host.ID, "name", f.Host.Name, "reason", f.Fleet.Reason, "count", f.Fleet.Count)
		if err := m.cfg.Store.Notice(ctx, f); err != nil {
			m.cfg.Logger.Warn("a refusal could not be recorded", "host", f.Host.ID, "reason", f.Fleet.Reason, "error", err)
		}
	}
}

func (m *Monitor) takeRefused(all bool) []*fact.Fact {
	now := m.cfg.Clock.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*fact.Fact
	for key, r := range m.refused {
		due := all || !r.told || now-r.toldAt >= refusedEvery
		if due && r.count > 0 {
			out = append(out, &fact.Fact{Kind: fact.KindFleet, Host: fact.Host{ID: key.host, Name: r.name},
				Fleet: &fact.Fleet{Action: fact.FleetRefused, Reason: key.id, Count: r.count}})
			r.count, r.told, r.toldAt = 0, true, now
		} else if due {
			delete(m.refused, key) // a minute without another one
		}
	}
	return out
}

// systemClock is the monotonic clock of the system.
type systemClock struct{ start time.Time }

func (c systemClock) Now() time.Duration                     { return time.Since(c.start) }
func (c systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
