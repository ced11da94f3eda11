// Package suppress remembers which alerts were raised lately, so that their
// duplicates are told as such. It keeps nothing else, and nothing on disk.
//
// Memory is bounded for each rule by itself: an attacker who makes up new keys
// for one rule cannot make the others forget.
package suppress

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"time"
)

const defaultMaxKeys = 10_000

// Key is what duplicates of an alert have in common: the rule, the host, and
// the digest of the fields that the rule names. Values of any length make keys
// of one size.
type Key struct {
	rule, host string
	digest     [16]byte
}

// NewKey returns the key of an alert. The host is always part of it: one host
// never hides the alerts of another.
func NewKey(rule, host string, values []string) Key {
	h := sha256.New()
	var n [8]byte
	for _, v := range values {
		binary.BigEndian.PutUint64(n[:], uint64(len(v)))
		h.Write(n[:])
		h.Write([]byte(v))
	}
	k := Key{rule: rule, host: host}
	copy(k.digest[:], h.Sum(nil))
	return k
}

// Failure is the key under which failures of the rule on the host are told
// apart from its alerts.
func (k Key) Failure() Key {
	k.rule = "!" + k.rule
	return k
}

// String is the key as alerts carry it.
func (k Key) String() string { return k.rule + "/" + k.host + "/" + hex.EncodeToString(k.digest[:]) }

// Table is the alerts that were raised lately. It is safe for concurrent use.
type Table struct {
	max int

	mu      sync.Mutex
	rules   map[string]*ruleKeys
	evicted uint64
}

// ruleKeys are the keys of one rule in the order in which they were opened.
type ruleKeys struct {
	byKey map[Key]*list.Element
	order *list.List // of *window, the oldest first
}

// window is the time in which duplicates of one alert are suppressed.
type window struct {
	key          Key
	fact         string // id of the fact that opened it
	since, until time.Time
	count        uint64 // duplicates
}

// NewTable returns an empty table that keeps at most maxKeys keys for each
// rule; 0 means 10,000.
func NewTable(maxKeys int) *Table {
	if maxKeys <= 0 {
		maxKeys = defaultMaxKeys
	}
	return &Table{max: maxKeys, rules: map[string]*ruleKeys{}}
}

// Admit reports whether an alert is new; it is a duplicate where one with the
// same key was admitted less than d ago. The window does not move with the
// duplicates: what goes on for long alerts again every d. The fact that opened
// a window is admitted again, so that a caller may repeat a fact whose alerts
// it could not store.
func (t *Table) Admit(key Key, factID string, now time.Time, d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := t.rules[key.rule]
	if keys == nil {
		keys = newRuleKeys()
		t.rules[key.rule] = keys
	}
	if el, ok := keys.byKey[key]; ok {
		w := el.Value.(*window)
		if w.open(now) {
			if w.fact == factID {
				return true
			}
			w.count++
			return false
		}
		keys.remove(el)
	}
	keys.expire(now)
	for len(keys.byKey) >= t.max {
		keys.remove(keys.order.Front())
		t.evicted++
	}
	keys.add(&window{key: key, fact: factID, since: now, until: now.Add(d)})
	return true
}

// open reports whether the window holds at a time. A window that begins in the
// future is left from before the clock stepped back: it holds no longer than it
// would have.
func (w *window) open(now time.Time) bool {
	length := w.until.Sub(w.since)
	return now.Before(w.until) && now.After(w.since.Add(-length))
}

func (k *ruleKeys) add(w *window) { k.byKey[w.key] = k.order.PushBack(w) }

func (k *ruleKeys) remove(el *list.Element) {
	delete(k.byKey, el.Value.(*window).key)
	k.order.Remove(el)
}

// expire forgets windows from the oldest on, as far as they are over.
func (k *ruleKeys) expire(now time.Time) {
	for el := k.order.Front(); el != nil && !el.Value.(*window).open(now); el = k.order.Front() {
		k.remove(el)
	}
}

// Evicted counts the keys that were forgotten before their time.
func (t *Table) Evicted() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.evicted
}

func newRuleKeys() *ruleKeys {
	return &ruleKeys{byKey: map[Key]*list.Element{}, order: list.New()}
}
