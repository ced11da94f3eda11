package replay

import (
	"hash/fnv"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

const (
	// maxMarked is how many alerts of one rule are told apart by their facts,
	// to be compared with the other side's.
	maxMarked = 200_000
	// advanceEvery is how often the engine is told the time where facts come
	// more often.
	advanceEvery = time.Second
)

// evaluator is what a side needs of an engine.
type evaluator interface {
	Process(in *engine.Input, now time.Time) []engine.Alert
	Advance(now time.Time) []engine.Alert
}

// side is one set of rules on its way through the facts.
type side struct {
	cfg      Config
	set      *rule.Set
	engine   *engine.Engine
	eval     evaluator
	meter    *meter // nil: cost is not asked for
	tallies  map[string]*tally
	compared map[string]bool // rules whose alerts are told apart
	advanced time.Time
	panics   int64
}

func newSide(cfg Config, set *rule.Set, main bool) *side {
	s := &side{cfg: cfg, set: set, engine: engine.New(engine.Config{}), tallies: map[string]*tally{}, compared: map[string]bool{}}
	s.engine.Load(set)
	s.eval = s.engine
	if main {
		s.meter = newMeter(set)
	}
	if cfg.Against != nil {
		for _, r := range cfg.Set.Rules() {
			if other, ok := cfg.Against.Rule(r.ID); ok && other.Version != r.Version {
				s.compared[r.ID] = true
			}
		}
	}
	return s
}

func (s *side) page(page []moment) {
	for i := range page {
		m := &page[i]
		s.advance(m.at)
		if m.fact == nil {
			continue
		}
		if s.meter != nil {
			s.meter.fact(m)
		}
		s.take(s.process(m), m)
	}
}

// process shields the replay from the engine, as the hub does its log.
func (s *side) process(m *moment) (alerts []engine.Alert) {
	defer func() {
		if recover() != nil {
			s.panics++
			alerts = nil
		}
	}()
	return s.eval.Process(&engine.Input{Fact: m.fact, Prevalence: m.known}, m.at)
}

func (s *side) advance(now time.Time) {
	if now.Sub(s.advanced) < advanceEvery {
		return
	}
	s.advanced = now
	s.take(s.eval.Advance(now), &moment{at: now})
}

// end lets the time pass that is left after the last fact.
func (s *side) end(at time.Time) {
	s.advanced = time.Time{}
	if !at.IsZero() {
		s.advance(at)
	}
}

func (s *side) take(alerts []engine.Alert, m *moment) {
	for i := range alerts {
		a := &alerts[i]
		if a.Error != "" || s.cfg.Only != "" && a.Rule.ID != s.cfg.Only {
			continue // errors are counted by the engine
		}
		t := s.tallies[a.Rule.ID]
		if t == nil {
			t = newTally()
			s.tallies[a.Rule.ID] = t
		}
		day := m.at.In(s.cfg.zone()).Format(time.DateOnly)
		if a.Suppressed {
			t.duplicate(day)
			continue
		}
		t.alert(day, a, s.values(a, m))
		if s.compared[a.Rule.ID] {
			t.mark(a)
		}
	}
}

// named is a field with the value that it had.
type named struct{ field, value string }

// values are what tells an alert from others of its rule: the fields that its
// duplicates have in common, and what it says.
func (s *side) values(a *engine.Alert, m *moment) []named {
	var out []named
	r, ok := s.set.Rule(a.Rule.ID)
	if ok && r.Suppress != nil && len(a.Facts) > 0 {
		f := a.Facts[len(a.Facts)-1]
		var known *fact.Prevalence
		if f == m.fact {
			known = m.known
		}
		for i, value := range r.SuppressValues(rule.NewVars(f, known)) {
			out = append(out, named{r.Suppress.By[i], value})
		}
	}
	if ok && a.Message != "" && a.Message != r.Title {
		out = append(out, named{"message", a.Message})
	}
	return out
}

// fingerprint is what an alert is recognised by on the other side: its rule's
// last fact, or its time where it has none.
func fingerprint(a *engine.Alert) uint64 {
	h := fnv.New64a()
	if n := len(a.Facts); n > 0 {
		h.Write([]byte(a.Facts[n-1].ID))
	} else {
		h.Write([]byte(a.Time.String()))
	}
	h.Write([]byte(a.Host.ID))
	return h.Sum64()
}
