package apitest

import (
	"context"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/fact"
)

// SetRules is what Rules and RuleFiles answer.
func (m *Memory) SetRules(rules []api.RunningRule, files []api.RuleFile) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rules, m.files = rules, files
}

// Rules answers what SetRules was told.
func (m *Memory) Rules(context.Context) ([]api.RunningRule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.rules), m.Err
}

// Filters answers one, where there are rules.
func (m *Memory) Filters(ctx context.Context) ([]api.RunningFilter, error) {
	rules, err := m.Rules(ctx)
	if err != nil || len(rules) == 0 {
		return nil, err
	}
	return []api.RunningFilter{{Name: "backup", Owner: "storage team", Rules: len(rules), Hits: 7, Last: Noon}}, nil
}

// RuleFiles answers what SetRules was told.
func (m *Memory) RuleFiles(context.Context) ([]api.RuleFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.files), m.Err
}

// Replay gives every fact out in a batch of its own.
func (m *Memory) Replay(ctx context.Context, q api.ReplayQuery, begin func(int64) error, give func(*api.LogBatch) error) (api.ReplayEvent, error) {
	end := api.ReplayEvent{Event: api.ReplayEnd}
	m.mu.Lock()
	facts := slices.Clone(m.facts)
	m.mu.Unlock()
	if m.Err != nil {
		return end, m.Err
	}
	if err := begin(int64(len(facts))); err != nil {
		return end, err
	}
	if m.Hold != nil {
		select {
		case <-m.Hold:
		case <-ctx.Done():
		}
	}
	for _, s := range facts {
		if !q.Since.IsZero() && s.Received.Before(q.Since) || !q.Until.IsZero() && !s.Received.Before(q.Until) {
			continue
		}
		if after, err := strconv.Atoi(q.After); err == nil {
			if at, _ := strconv.Atoi(s.Cursor); at <= after {
				continue
			}
		}
		b := &api.LogBatch{Cursor: s.Cursor, Received: s.Received, Host: "h_x", Batch: s.Batch, Facts: []jsontext.Value{}}
		if f, _, err := fact.Parse(s.Fact); err == nil && q.Wants(string(f.Kind)) {
			b.Facts = append(b.Facts, s.Fact)
			end.Facts++
		}
		end.Batches++
		if err := give(b); err != nil {
			return end, err
		}
	}
	if m.Broken != nil {
		return end, m.Broken
	}
	return end, ctx.Err()
}
