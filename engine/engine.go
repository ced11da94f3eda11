package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"picket.internal/engine/index"
	"picket.internal/engine/rule"
	"picket.internal/engine/suppress"
	"picket.internal/fact"
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
}

// active is one set of rules and what was built for it; it never changes but
// for the counters in health.
type active struct {
	set     *rule.Set
	entries []*Entry
	matcher Matcher
	health  map[string]*health
}

// New returns an engine without rules.
func New(cfg Config) *Engine {
	e := &Engine{cfg: cfg, recent: suppress.NewTable(cfg.MaxKeys)}
	e.pool.New = func() any { return newPass(e) }
	return e
}

// Load swaps the whole set of rules at once. Facts that are being processed
// finish with the old one. Counters and suppression go on by rule id. Rules
// that panicked get another chance; rules that were switched off get it when
// they have changed.
func (e *Engine) Load(set *rule.Set) {
	e.loading.Lock()
	defer e.loading.Unlock()
	before := map[string]*health{}
	if a := e.active.Load(); a != nil {
		before = a.health
	}
	a := &active{set: set, health: map[string]*health{}}
	for _, r := range set.Rules() {
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
	e.active.Store(a)
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

// Process holds one fact against all rules. Now is the time of the engine's
// own host: suppression goes by it, because a host whose clock is wrong, or
// set wrong on purpose, must not decide for how long its alerts are hidden.
//
// Processing the same fact again, as after a crash before its alerts were
// stored, returns the same alerts again, not duplicates of them.
func (e *Engine) Process(in *Input, now time.Time) []Alert {
	a := e.active.Load()
	if a == nil || in.Fact == nil {
		return nil
	}
	p := e.pool.Get().(*pass)
	defer p.end()
	p.begin(in, now)
	a.matcher.Match(&p.in, p.emit)
	return p.alerts
}

// pass is one fact on its way through the rules. Passes are used again and
// again, so that a fact that no rule meets costs no memory.
type pass struct {
	e      *Engine
	in     Input
	now    time.Time
	alerts []Alert
	emit   func(Match)
	facts  int // that this pass was used for
}

func newPass(e *Engine) *pass {
	p := &pass{e: e, in: Input{vars: new(rule.Vars)}}
	p.emit = p.match
	return p
}

func (p *pass) begin(in *Input, now time.Time) {
	p.in.Fact, p.in.Prevalence, p.now, p.alerts = in.Fact, in.Prevalence, now, nil
	p.in.vars.Reset(in.Fact, in.Prevalence)
}

// end lets go of the fact. It runs after a panic too.
func (p *pass) end() {
	if p.facts++; p.facts%learnEvery == 1 {
		p.e.learn(&p.in)
	}
	p.in.vars.Reset(nil, nil)
	p.in.Fact, p.in.Prevalence, p.alerts = nil, nil, nil
	p.e.pool.Put(p)
}

func (p *pass) match(m Match) {
	if m.Err != nil {
		p.alerts = p.e.failure(p.alerts, &p.in, m, p.now)
		return
	}
	p.alerts = append(p.alerts, p.e.alert(&p.in, m.Entry, p.now))
}

// alert makes the alert of a match, or, for a duplicate, the little that tells
// which alert it belongs to: a flood of duplicates must stay cheap.
func (e *Engine) alert(in *Input, entry *Entry, now time.Time) Alert {
	r, h := entry.Rule, entry.health
	h.matched.Add(1)
	alert := bare(in, r)
	alert.Shadow = r.Shadow()
	if r.Suppress != nil {
		key := suppress.NewKey(r.ID, in.Fact.Host.ID, r.SuppressValues(in.vars))
		alert.Key, alert.SuppressFor = key.String(), r.Suppress.For
		if alert.Suppressed = !e.recent.Admit(key, in.Fact.ID, now, r.Suppress.For); alert.Suppressed {
			h.suppressed.Add(1)
			return alert
		}
	}
	alert.Response = r.Response
	if err := describe(&alert, r, in.vars); err != nil {
		h.failed(err)
	}
	return alert
}

// describe adds what the alert says. Whatever goes wrong here, the alert is
// raised: an error is only counted, and so is a panic.
func describe(alert *Alert, r *rule.Rule, vars *rule.Vars) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("describing the alert: %v", p)
		}
	}()
	var sayErr, explainErr error
	alert.Message, sayErr = r.RenderMessage(vars)
	alert.Values, explainErr = r.Explain(vars)
	return errors.Join(sayErr, explainErr)
}

// bare is what every alert has, duplicates and failures too.
func bare(in *Input, r *rule.Rule) Alert {
	return Alert{Rule: refOf(r), Severity: r.Severity, Score: r.Score, Host: in.Fact.Host, Time: in.Fact.Time, Facts: []*fact.Fact{in.Fact}}
}

// failure counts a rule that failed and, now and then, returns it. Facts about
// failing rules are the exception: they would make more of themselves.
func (e *Engine) failure(alerts []Alert, in *Input, m Match, now time.Time) []Alert {
	r, h := m.Entry.Rule, m.Entry.health
	h.failed(m.Err)
	var problem *rule.EvalError
	if errors.As(m.Err, &problem) && problem.ID == rule.ErrPanic && !h.disabled.Swap(true) {
		e.cfg.logger().Error("a rule panicked and is disabled", "rule", r.ID, "file", r.File, "error", m.Err)
	}
	if exceeded(m.Err) {
		h.exceeded.Add(1)
		if whom := h.breaker.strike(in.Fact.Host.ID, now); whom != "" {
			e.cfg.logger().Error("a rule keeps exceeding its bound and is switched off", "rule", r.ID, "file", r.File, "for", whom, "error", m.Err)
			alert := bare(in, r)
			alert.Error, alert.Shadow = offError(whom, m.Err), r.Shadow()
			return append(alerts, alert)
		}
	}
	if in.Fact.Kind == fact.KindFleet && in.Fact.Action() == fact.FleetRuleFailing {
		return alerts
	}
	key := suppress.NewKey(r.ID, in.Fact.Host.ID, nil).Failure()
	if !e.recent.Admit(key, in.Fact.ID, now, e.cfg.errorEvery()) {
		return alerts
	}
	alert := bare(in, r)
	alert.Error, alert.Shadow = m.Err.Error(), r.Shadow()
	return append(alerts, alert)
}

// Snapshot is the engine's suppression state, for a caller that stores it.
func (e *Engine) Snapshot() suppress.State { return e.recent.Snapshot() }

// Restore replaces the suppression state with one that Snapshot returned.
func (e *Engine) Restore(s suppress.State) { e.recent.Restore(s) }
