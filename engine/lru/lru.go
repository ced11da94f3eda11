// Package lru is a map of bounded size that forgets what was used longest ago.
// What it forgot it counts: whoever counts on what is in it can tell.
package lru

import "container/list"

// Map is for one goroutine.
type Map[K comparable, V any] struct {
	max     int
	order   *list.List // of *entry[K, V], the one used last in front
	byKey   map[K]*list.Element
	evicted uint64
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New returns an empty map that keeps at most max values.
func New[K comparable, V any](max int) *Map[K, V] {
	return &Map[K, V]{max: max, order: list.New(), byKey: map[K]*list.Element{}}
}

// Get returns a value, which is then the one used last.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	e, ok := m.byKey[key]
	if !ok {
		return value, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// Put sets a value.
func (m *Map[K, V]) Put(key K, value V) {
	if e, ok := m.byKey[key]; ok {
		e.Value.(*entry[K, V]).value = value
		m.order.MoveToFront(e)
		return
	}
	m.byKey[key] = m.order.PushFront(&entry[K, V]{key, value})
	if m.order.Len() > m.max {
		last := m.order.Remove(m.order.Back()).(*entry[K, V])
		delete(m.byKey, last.key)
		m.evicted++
	}
}

// Evicted counts what was forgotten.
func (m *Map[K, V]) Evicted() uint64 { return m.evicted }
