package suppress

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// State is a table as data, for a caller that stores it.
type State struct {
	Windows []Window `json:"windows"`
}

// Window is one alert whose duplicates are suppressed.
type Window struct {
	Key   string    `json:"key"`
	Fact  string    `json:"fact"` // id of the fact that opened it
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Count uint64    `json:"count,omitempty"` // duplicates so far
}

// Snapshot copies the table, rules in order of their ids, windows by age.
func (t *Table) Snapshot() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := State{Windows: []Window{}}
	for _, rule := range slices.Sorted(maps.Keys(t.rules)) {
		for el := t.rules[rule].order.Front(); el != nil; el = el.Next() {
			w := el.Value.(*window)
			s.Windows = append(s.Windows, Window{Key: w.key.String(), Fact: w.fact, Since: w.since, Until: w.until, Count: w.count})
		}
	}
	return s
}

// Restore replaces what the table holds. A window with a malformed key is left
// out: its next duplicate alerts again, which is the safe side.
func (t *Table) Restore(s State) {
	fresh := NewTable(t.max)
	for _, w := range s.Windows {
		key, err := parseKey(w.Key)
		if err != nil {
			continue
		}
		keys := fresh.rules[key.rule]
		if keys == nil {
			keys = newRuleKeys()
			fresh.rules[key.rule] = keys
		}
		if _, twice := keys.byKey[key]; !twice && len(keys.byKey) < t.max {
			keys.add(&window{key: key, fact: w.Fact, since: w.Since, until: w.Until, count: w.Count})
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rules = fresh.rules
}

// parseKey undoes Key.String. A host id may hold a slash, a rule id and a digest
// may not.
func parseKey(s string) (Key, error) {
	rule, rest, ok := strings.Cut(s, "/")
	i := strings.LastIndexByte(rest, '/')
	if !ok || i < 0 {
		return Key{}, fmt.Errorf("malformed suppression key %q", s)
	}
	k := Key{rule: rule, host: rest[:i]}
	digest, err := hex.DecodeString(rest[i+1:])
	if err != nil || len(digest) != len(k.digest) {
		return Key{}, fmt.Errorf("malformed suppression key %q", s)
	}
	copy(k.digest[:], digest)
	return k, nil
}
