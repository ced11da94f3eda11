package store

import (
	"context"
	"fmt"
	"maps"
	"sync"
)

// names is a two-way table between the texts of a column and the small numbers
// that stand for them in other tables. A pair never changes once it is
// committed, so a pair that is here is always right; one that is not may be in
// the database.
type names struct {
	mu     sync.RWMutex
	number map[string]int64
	text   map[int64]string
}

func newNames() *names {
	return &names{number: map[string]int64{}, text: map[int64]string{}}
}

func (t *names) add(text string, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.number[text], t.text[n] = n, text
}

// numberOf is 0 for a text that has none.
func (t *names) numberOf(text string) int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.number[text]
}

func (t *names) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.number)
}

func (t *names) all() map[int64]string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.text)
}

func (s *Store) loadNames(ctx context.Context) error {
	for query, table := range map[string]*names{
		`SELECT n, name FROM kinds`: s.kinds,
		`SELECT n, id FROM hosts`:   s.hosts,
	} {
		rows, err := s.read.QueryContext(ctx, query)
		if err != nil {
			return fmt.Errorf("reading names: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var n int64
			var text string
			if err := rows.Scan(&n, &text); err != nil {
				return fmt.Errorf("reading names: %w", err)
			}
			table.add(text, n)
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("reading names: %w", err)
		}
	}
	return nil
}

// kind is the number of a kind, new ones included. Kinds beyond the bound
// share the number of the empty name.
func (tx *Tx) kind(name string) (int64, error) {
	table := tx.w.store.kinds
	if n := table.numberOf(name); n != 0 {
		return n, nil
	}
	if name != "" && table.len() >= maxKinds {
		return tx.kind("")
	}
	var n int64
	found, err := tx.get(`SELECT n FROM kinds WHERE name = ?`, []any{name}, &n)
	if err == nil && !found {
		n, err = tx.insert(`INSERT INTO kinds (name) VALUES (?)`, name)
	}
	if err != nil {
		return 0, fmt.Errorf("naming kind %q: %w", name, err)
	}
	tx.onCommit(func() { table.add(name, n) })
	return n, nil
}

// host is the number of a host. A fact can only be about a host that exists.
func (tx *Tx) host(id string) (int64, error) {
	if n := tx.w.store.hosts.numberOf(id); n != 0 {
		return n, nil
	}
	var n int64
	found, err := tx.get(`SELECT n FROM hosts WHERE id = ?`, []any{id}, &n)
	if err == nil && !found {
		err = fmt.Errorf("internal error: no host %q", id)
	}
	return n, err
}
