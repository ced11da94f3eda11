// Package apitest holds a hub's answers in memory, for tests of what stands in
// front of a store. No program may link it.
package apitest

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/wire"
)

// Memory is a Reader and an Admin. The zero value is empty and lets nobody in.
type Memory struct {
	// TokenID and Secret are the one access token.
	TokenID, Secret string
	// Err, where set, is what every read and every change answers.
	Err error
	// Broken, where set, ends a replay under way.
	Broken error
	// Hold, where set, keeps a replay under way until it is closed.
	Hold chan struct{}

	mu      sync.Mutex
	alerts  []api.Alert // oldest first
	facts   []api.StoredFact
	hosts   []api.Host
	status  api.Status
	changed chan struct{}
	waiting chan struct{}
	grown   []string // ids of alerts, in the order in which they grew
	linked  map[string][]api.LinkedFact
	rules   []api.RunningRule
	files   []api.RuleFile
	states  []string // what SetHostState was asked, in order
}

// AddAlert stores an alert.
func (m *Memory) AddAlert(a api.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.alerts = append(m.alerts, a)
	m.wake()
}

// AddFact stores a fact and gives it its cursor.
func (m *Memory) AddFact(f api.StoredFact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f.Cursor = strconv.Itoa(len(m.facts) + 1)
	m.facts = append(m.facts, f)
	m.wake()
}

// AddHost stores a host.
func (m *Memory) AddHost(h api.Host) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hosts = append(m.hosts, h)
}

// Inventories returns one that is in step.
func (m *Memory) Inventories(_ context.Context, hostID string) ([]api.Inventory, error) {
	if m.Err != nil {
		return nil, m.Err
	}
	return []api.Inventory{{Kind: "package", State: api.InventoryInStep, Count: 1, Claimed: 1}}, nil
}

// Inventory hands over one entity.
func (m *Memory) Inventory(_ context.Context, hostID, kind string, each func(api.Entity) error) error {
	if m.Err != nil {
		return m.Err
	}
	return each(api.Entity{Kind: kind, State: []byte(`{"name":"curl","type":"deb","version":"8.5.0"}`)})
}

// SetStatus is what Status answers.
func (m *Memory) SetStatus(s api.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = s
}

// States are the changes of host states that were asked for.
func (m *Memory) States() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.states)
}

// wake needs mu.
func (m *Memory) wake() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// Changed is closed at the next AddAlert or AddFact.
func (m *Memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	if m.waiting != nil {
		close(m.waiting)
		m.waiting = nil
	}
	return m.changed
}

// Waiting is closed when somebody next asks for Changed.
func (m *Memory) Waiting() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting == nil {
		m.waiting = make(chan struct{})
	}
	return m.waiting
}

// Alerts answers newest first.
func (m *Memory) Alerts(_ context.Context, q api.AlertQuery) ([]api.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []api.Alert
	for _, a := range slices.Backward(m.alerts) {
		if len(found) < q.Rows() && (q.After == "" || a.ID < q.After) && q.Matches(&a) {
			found = append(found, a)
		}
	}
	return found, m.Err
}

// AlertsAfter answers oldest first.
func (m *Memory) AlertsAfter(_ context.Context, id string, limit int) ([]api.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []api.Alert
	for _, a := range m.alerts {
		if len(found) < limit && a.ID > id {
			found = append(found, a)
		}
	}
	return found, m.Err
}

// Alert answers one.
func (m *Memory) Alert(_ context.Context, id string) (api.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.alerts {
		if a.ID == id {
			return a, m.Err
		}
	}
	return api.Alert{}, api.ErrNotFound
}

// Hosts answers all of them.
func (m *Memory) Hosts(context.Context) ([]api.Host, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.hosts), m.Err
}

// Facts answers newest first.
func (m *Memory) Facts(_ context.Context, q api.FactQuery) ([]api.StoredFact, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.facts) + 1
	if q.After != "" {
		before, _ = strconv.Atoi(q.After)
	}
	var found []api.StoredFact
	for i, f := range slices.Backward(m.facts) {
		if len(found) < q.Rows() && i+1 < before && matches(q, f) {
			found = append(found, f)
		}
	}
	return found, m.Err
}

// FactsAfter answers oldest first.
func (m *Memory) FactsAfter(_ context.Context, cursor string, q api.FactQuery) ([]api.StoredFact, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cursor == "" {
		return nil, strconv.Itoa(len(m.facts)), m.Err
	}
	n, err := strconv.Atoi(cursor)
	if err != nil {
		return nil, "", &api.QueryError{Param: "after", Value: cursor, Reason: "not a cursor"}
	}
	var found []api.StoredFact
	for ; n < len(m.facts) && len(found) < q.Rows(); n++ {
		if matches(q, m.facts[n]) {
			found = append(found, m.facts[n])
		}
	}
	return found, strconv.Itoa(n), m.Err
}

func matches(q api.FactQuery, s api.StoredFact) bool {
	f, _, err := fact.Parse(s.Fact)
	return err == nil && (q.HostID == "" || q.HostID == f.Host.ID) && (q.Kind == "" || q.Kind == string(f.Kind)) &&
		(q.Since.IsZero() || !f.Time.Before(q.Since)) && (q.Until.IsZero() || f.Time.Before(q.Until))
}

// Status answers what SetStatus was told.
func (m *Memory) Status(context.Context) (api.Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status, m.Err
}

// EnableRule implements api.Admin: the rules that run are there.
func (m *Memory) EnableRule(ctx context.Context, id string) error {
	rules, err := m.Rules(ctx)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.ID == id {
			return nil
		}
	}
	return api.ErrNotFound
}

// SetHostState changes a host.
func (m *Memory) SetHostState(_ context.Context, id, state string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.states = append(m.states, id+" "+state)
	for i := range m.hosts {
		if m.hosts[i].ID == id {
			m.hosts[i].State = state
			return m.Err
		}
	}
	return api.ErrNotFound
}

// CreateEnrollToken answers a token that says what it was asked for.
func (m *Memory) CreateEnrollToken(_ context.Context, req api.EnrollTokenRequest) (api.EnrollTokenReply, error) {
	text := fmt.Sprintf("pkt1.for-%d-s-and-%d-uses", req.TTLSeconds, req.Uses)
	return api.EnrollTokenReply{Token: text, ID: wire.NewTokenID(), Expires: time.Date(2026, 5, 6, 8, 8, 9, 0, time.UTC)}, m.Err
}

// Authorize lets the one token in.
func (m *Memory) Authorize(_ context.Context, tokenID, secret string) error {
	if m.Secret == "" || tokenID != m.TokenID || subtle.ConstantTimeCompare([]byte(secret), []byte(m.Secret)) != 1 {
		return api.ErrUnauthorized
	}
	return nil
}
