package store

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"picket.internal/api"
	"picket.internal/engine/lru"
)

// maxGrown is how many alerts are remembered that have grown lately. Who asks
// too seldom misses some of them; their counts are right all the same.
const maxGrown = 4096

// grown remembers which alerts have got duplicates, in the order in which they
// last did. It is not stored: it is for those who look while it happens.
type grown struct {
	mu   sync.Mutex
	step uint64                   // the newest; steps only grow
	at   *lru.Map[string, uint64] // the step at which each alert last grew
	ids  [maxGrown]grownAt        // a ring of the last steps
}

type grownAt struct {
	step uint64
	id   string
}

func newGrown() *grown { return &grown{at: lru.New[string, uint64](maxGrown)} }

// add notes one more step for each alert.
func (g *grown) add(ids []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		g.step++
		g.at.Put(id, g.step)
		g.ids[g.step%maxGrown] = grownAt{g.step, id}
	}
}

// since lists the alerts that have grown after a step, each once, the one that
// grew last at the end, and the step to go on from.
func (g *grown) since(step uint64, limit int) (ids []string, next uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.step > maxGrown {
		step = max(step, g.step-maxGrown)
	}
	for next = step; next < g.step && len(ids) < limit; {
		next++
		e := g.ids[next%maxGrown]
		if last, _ := g.at.Get(e.id); e.step == next && last == next {
			ids = append(ids, e.id)
		}
	}
	return ids, next
}

// AlertsGrown returns alerts that have got duplicates after a step, with their
// facts left out, and the step to go on from. The step 0 is now: no alerts.
func (s *Store) AlertsGrown(ctx context.Context, after uint64, limit int) ([]api.Alert, uint64, error) {
	if after == 0 {
		return nil, s.grown.now(), nil
	}
	ids, next := s.grown.since(after, limit)
	if len(ids) == 0 {
		return nil, next, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	rows, err := s.read.QueryContext(ctx, `SELECT doc, count, last, state FROM alerts WHERE id IN (?`+strings.Repeat(`, ?`, len(ids)-1)+`) ORDER BY id`, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("reading alerts that have grown: %w", err)
	}
	alerts, err := collectAlerts(rows, api.AlertQuery{IncludeShadow: true}, len(ids))
	if err != nil {
		return nil, 0, err
	}
	for i := range alerts {
		alerts[i].Facts, alerts[i].Values = nil, nil
	}
	return alerts, next, nil
}

// now is the newest step, never 0.
func (g *grown) now() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.step == 0 {
		g.step = 1
	}
	return g.step
}
