package hub

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	types "picket.internal/api"
	"picket.internal/engine"
	"picket.internal/engine/reload"
	"picket.internal/engine/rule"
	"picket.internal/hub/internal/store"
	shipped "picket.internal/rules"
)

// rules is where the engine's rules come from, and how that is going.
type rules struct {
	dir    string // empty: the shipped ones
	engine *engine.Engine
	log    *slog.Logger

	mu      sync.Mutex
	applied func()            // called after every set that is applied; nil before record
	source  string            // guarded by mu
	err     error             // guarded by mu
	files   map[string][]byte // what the running set was loaded from; guarded by mu
}

// checked is a set of rules with the files that it was loaded from.
type checked struct {
	set   *rule.Set
	files map[string][]byte
}

// shippedRules are those in the program. They are checked once a process: they
// do not change.
var shippedRules = sync.OnceValues(func() (checked, error) {
	set, files, findings := reload.CheckFiles(shipped.FS())
	if set == nil {
		return checked{}, fmt.Errorf("internal error: the shipped rules are broken: %w", findings.Err())
	}
	return checked{set, files}, nil
})

// loadRules gives the engine its first rules. A folder that does not exist is
// refused. One with a broken rule is not: the shipped rules run in its place,
// which the status says, because a hub that does not start stores nothing.
func loadRules(dir string, e *engine.Engine, log *slog.Logger) (*rules, error) {
	r := &rules{dir: dir, engine: e, log: log, source: "embedded"}
	ours, err := shippedRules()
	if err != nil {
		return nil, err
	}
	e.Load(ours.set)
	r.files = ours.files
	if dir == "" {
		return r, nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%q is no folder", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	reload.Config{Dir: dir, Apply: e.Load, Report: r.report, Logger: log}.Once()
	return r, nil
}

func (r *rules) report(o reload.Outcome) {
	r.take(o)
	if o.Applied && r.applied != nil {
		r.applied()
	}
}

func (r *rules) take(o reload.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = o.Err()
	if o.Applied {
		r.source, r.err, r.files = r.dir, nil, o.Files
	}
}

// record writes into the log which rules run, now and whenever they change.
func (r *rules) record(ctx context.Context, s *store.Store) error {
	write := func(ctx context.Context) error {
		set := r.engine.Set()
		if set == nil {
			return nil
		}
		st := r.status()
		if err := s.KeepRules(ctx, set.Version(), r.documents()); err != nil {
			return err
		}
		return s.RecordOnce(ctx, "rules.loaded", "", "version", map[string]string{"version": set.Version(), "source": st.Source, "rules": strconv.Itoa(st.Loaded)})
	}
	r.applied = func() {
		if err := write(context.Background()); err != nil {
			r.log.Error("not logged which rules run", "error", err)
		}
	}
	return write(ctx)
}

// watch reloads the folder whenever it changes.
func (r *rules) watch(ctx context.Context) error {
	if r.dir == "" {
		return nil
	}
	return reload.Run(ctx, reload.Config{Dir: r.dir, Apply: r.engine.Load, Report: r.report, Logger: r.log})
}

func (r *rules) status() types.RulesStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := types.RulesStatus{Source: r.source}
	if set := r.engine.Set(); set != nil {
		s.Loaded = set.Len()
	}
	if r.err != nil {
		s.Error = r.err.Error()
	}
	return s
}

// running lists the rules that run, with what the engine counted of each.
func (r *rules) running(alerts map[string]store.RuleAlerts) []types.RunningRule {
	set := r.engine.Set()
	if set == nil {
		return nil
	}
	fares := map[string]engine.RuleStats{}
	for _, s := range r.engine.Stats().Rules {
		fares[s.ID] = s
	}
	out := make([]types.RunningRule, 0, set.Len())
	for _, rule := range set.Rules() {
		s, a := fares[rule.ID], alerts[rule.ID]
		one := types.RunningRule{ID: rule.ID, Title: rule.Title, Version: rule.Version, Status: string(rule.Status), Severity: rule.Severity,
			File: rule.File, Shadow: rule.Shadow(), Matched: int64(s.Matched), Suppressed: int64(s.Suppressed), Errors: int64(s.Errors),
			LastError: s.LastError, Disabled: s.Disabled, Alerts: a.Alerts, ShadowAlerts: a.Shadow, LastAlert: a.Last,
			Off: s.Off, OffHosts: s.OffHosts, Excused: int64(s.Excused), Cost: int64(s.Cost), TimeMS: float64(s.Time.Microseconds()) / 1000, Ungrouped: int64(s.Ungrouped)}
		if w := s.Window; w != nil {
			one.Groups, one.Evicted, one.Late = w.Groups, int64(w.Evicted+w.TermsEvicted), int64(w.Late)
		}
		out = append(out, one)
	}
	return out
}

// filters are those of the running rules, by name.
func (r *rules) filters(now time.Time) []types.RunningFilter {
	set := r.engine.Set()
	if set == nil {
		return nil
	}
	fares := map[string]engine.FilterStats{}
	for _, s := range r.engine.Stats().Filters {
		fares[s.Name] = s
	}
	var out []types.RunningFilter
	for _, f := range set.Filters() {
		one := types.RunningFilter{Name: f.Name, Title: f.Title, Owner: f.Owner, Reason: f.Reason, Expires: f.Expires,
			Expired: f.Expired(now), Hits: int64(fares[f.Name].Hits), Last: fares[f.Name].Last}
		for _, rule := range set.Rules() {
			if f.Applies(rule) {
				one.Rules++
			}
		}
		out = append(out, one)
	}
	return out
}

// documents are the files that the running set was loaded from, by name.
func (r *rules) documents() []types.RuleFile {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]types.RuleFile, 0, len(r.files))
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		out = append(out, types.RuleFile{Name: name, Text: string(r.files[name])})
	}
	return out
}
