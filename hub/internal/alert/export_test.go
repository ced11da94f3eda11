package alert

import (
	"context"
	"time"

	"picket.internal/fact"
	"picket.internal/hub/internal/store"
)

// Executables is the knowledge of hashes, for tests.
type Executables struct{ *executables }

// NewExecutables starts from what is stored.
func NewExecutables(s Store) Executables { return Executables{newExecutables(s)} }

// Observe is executables.observe.
func (x Executables) Observe(ctx context.Context, f *fact.Fact, at time.Time) (*fact.Prevalence, *store.Execution, error) {
	return x.observe(ctx, f, at)
}

// LRU is the bounded map, for tests.
type LRU = lru[int, string]

// NewLRU makes one.
func NewLRU(max int) *LRU { return newLRU[int, string](max) }

// Get and Put are the map's.
func (c *lru[K, V]) Get(key K) (V, bool) { return c.get(key) }
func (c *lru[K, V]) Put(key K, value V)  { c.put(key, value) }
