package apitest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"picket.internal/api"
)

// GrowAlert counts a duplicate on a stored alert and links its fact.
func (m *Memory) GrowAlert(id string, at time.Time, f api.StoredFact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.alerts {
		if m.alerts[i].ID == id {
			m.alerts[i].Count++
			m.alerts[i].Last = at
			m.grown = append(m.grown, id)
		}
	}
	if m.linked == nil {
		m.linked = map[string][]api.LinkedFact{}
	}
	m.linked[id] = append(m.linked[id], api.LinkedFact{Cursor: f.Cursor, Received: f.Received, Batch: f.Batch, Fact: f.Fact})
	m.wake()
}

// AlertsGrown goes by the number of duplicates so far, and one.
func (m *Memory) AlertsGrown(_ context.Context, after uint64, limit int) ([]api.Alert, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := uint64(len(m.grown)) + 1
	var found []api.Alert
	for _, a := range m.alerts {
		if after > 0 && slices.Contains(m.grown[after-1:], a.ID) && len(found) < limit {
			a.Facts, a.Values = nil, nil
			found = append(found, a)
		}
	}
	return found, now, m.Err
}

// AlertFacts answers those of GrowAlert, newest first, as if ten were the most
// that is linked.
func (m *Memory) AlertFacts(_ context.Context, id string, q api.AlertFactsQuery) (api.AlertFacts, error) {
	const most = 10
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.alerts, func(a api.Alert) bool { return a.ID == id })
	if i < 0 {
		return api.AlertFacts{}, api.ErrNotFound
	}
	links := m.linked[id]
	out := api.AlertFacts{Alert: id, Count: m.alerts[i].Count, Linked: int64(min(len(links), most)), Unlinked: int64(max(0, len(links)-most))}
	if out.Unlinked > 0 {
		out.Elsewhere = &api.FactsElsewhere{Host: m.alerts[i].Host.ID, Kind: "canary", Since: m.alerts[i].Time, Until: m.alerts[i].Last}
	}
	end := len(links[:out.Linked])
	if q.After != "" {
		end, _ = strconv.Atoi(q.After)
	}
	for n := end - 1; n >= 0 && len(out.Facts) < q.Rows(); n-- {
		out.Facts = append(out.Facts, links[n])
		if n > 0 && len(out.Facts) == q.Rows() {
			out.Next = strconv.Itoa(n)
		}
	}
	return out, m.Err
}
