package engine

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"picket.internal/engine/index"
	"picket.internal/engine/rule"
	"picket.internal/engine/suppress"
	"picket.internal/engine/window"
)

// Config is how an engine works. Its zero value is a good engine.
type Config struct {
	// Matcher builds what finds the rules of a fact; nil means NewIndexed with
	// the engine's own profile of the facts that it is given.
	Matcher func([]*Entry) Matcher
	// MaxKeys bounds the suppression keys that are kept for one rule; 0 means 10,000.
	MaxKeys int
	// ErrorEvery is how often a rule that fails on facts of a host is returned
	// from Process; 0 means once an hour. All failures are counted.
	ErrorEvery time.Duration
	// Logger gets a line for every rule that is disabled; nil means none is written.
	Logger *slog.Logger
}

func (c Config) errorEvery() time.Duration {
	if c.ErrorEvery == 0 {
		return time.Hour
	}
	return c.ErrorEvery
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

// Engine holds a set of rules against facts. All its methods are safe for
// concurrent use.
type Engine struct {
	cfg    Config
	active atomic.Pointer[active]
	recent *suppress.Table
	pool   sync.Pool // of *pass

	profile index.Profile
	learned atomic.Uint64 // facts that profile has learned from

	loading sync.Mutex // held while a set is swapped in

	// windows is what stateful rules remember. deciding is read-held while the
	// matches of a fact become events and alerts, and held while a set is
	// swapped in: no match of an old set meets the memory of a new one.
	windows  *window.Table
	deciding sync.RWMutex
}

// active is one set of rules and what was built for it; it never changes but
// for the counters in health.
type active struct {
	set     *rule.Set
	entries []*Entry
	matcher Matcher
	health  map[string]*health
	plan    *plan
	filters map[string]*filterHealth
}

// New returns an engine without rules.
func New(cfg Config) *Engine {
	e := &Engine{cfg: cfg, recent: suppress.NewTable(cfg.MaxKeys), windows: emptyTable()}
	e.pool.New = func() any { return newPass(e) }
	return e
}

// Load swaps the whole set of rules at once. Facts that are being processed
// finish with the old one. Counters and suppression go on by rule id. Rules
// that panicked get another chance; rules that were switched off get it when
// they have changed. What a stateful rule remembers is kept as long as it means
// the same.
func (e *Engine) Load(set *rule.Set) { e.load(set, set.Rules()) }

func (e *Engine) load(set *rule.Set, rules []*rule.Rule) {
	e.loading.Lock()
	defer e.loading.Unlock()
	before, filters := map[string]*health{}, map[string]*filterHealth{}
	if a := e.active.Load(); a != nil {
		before, filters = a.health, a.filters
	}
	a := &active{set: set, health: map[string]*health{}, filters: filtersOf(set, filters)}
	for _, r := range rules {
		h := before[r.ID]
		if h == nil {
			h = new(health)
		}
		h.disabled.Store(false)
		if h.version != r.Version {
			h.breaker.reset()
			h.version = r.Version
		}
		a.health[r.ID] = h
		if r.Status != rule.StatusDeprecated {
			a.entries = append(a.entries, &Entry{Rule: r, health: h})
		}
	}
	a.matcher = e.matcher(a.entries)
	var failed map[*Entry]error
	a.plan, failed = newPlan(a.entries)
	for entry, err := range failed {
		entry.health.failed(err)
		e.cfg.logger().Error("a rule cannot remember and matches nothing", "rule", entry.Rule.ID, "file", entry.Rule.File, "error", err)
	}
	e.deciding.Lock()
	defer e.deciding.Unlock()
	if err := e.windows.Reload(a.plan.specs); err != nil {
		e.cfg.logger().Error("what rules remember is lost", "error", err)
		e.windows = emptyTable()
	}
	e.active.Store(a)
}

// emptyTable is the memory of an engine without rules.
func emptyTable() *window.Table {
	t, err := window.NewTable(nil)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	return t
}

func (e *Engine) matcher(entries []*Entry) Matcher {
	if e.cfg.Matcher != nil {
		return e.cfg.Matcher(entries)
	}
	return NewIndexed(entries, &e.profile)
}

// learnEvery is how many facts there are to one that the profile learns from.
const learnEvery = 64

// learn takes a fact into the profile, and now and then, at longer and longer
// intervals, builds the index anew by what was learned.
func (e *Engine) learn(in *Input) {
	e.profile.Learn(in.Fact, in.Prevalence)
	n := e.learned.Add(1)
	if e.cfg.Matcher != nil || n < 64 || n&(n-1) != 0 || !e.loading.TryLock() {
		return // whoever is loading uses what was learned
	}
	defer e.loading.Unlock()
	a := *e.active.Load()
	a.matcher = e.matcher(a.entries)
	e.active.Store(&a)
}

// Set is the set of rules that is loaded, nil before the first Load.
func (e *Engine) Set() *rule.Set {
	if a := e.active.Load(); a != nil {
		return a.set
	}
	return nil
}

// Snapshot is the engine's suppression state, for a caller that stores it.
func (e *Engine) Snapshot() suppress.State { return e.recent.Snapshot() }

// Restore replaces the suppression state with one that Snapshot returned.
func (e *Engine) Restore(s suppress.State) { e.recent.Restore(s) }

// Changes are what stateful rules remember that has changed since the last
// call, for a caller that stores it together with its place among the facts.
func (e *Engine) Changes() []window.Record { return e.windows.Changes() }

// RestoreWindows gives stateful rules back what Changes told, before the first
// fact. The rules must be loaded.
func (e *Engine) RestoreWindows(records []window.Record) { e.windows.Restore(records) }
