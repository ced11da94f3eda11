package alert

import "container/list"

// lru is a map of bounded size that forgets what was used longest ago. It is
// for one goroutine.
type lru[K comparable, V any] struct {
	max   int
	order *list.List // of *lruEntry[K, V], the one used last in front
	byKey map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](max int) *lru[K, V] {
	return &lru[K, V]{max: max, order: list.New(), byKey: map[K]*list.Element{}}
}

func (c *lru[K, V]) get(key K) (value V, ok bool) {
	e, ok := c.byKey[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*lruEntry[K, V]).value, true
}

func (c *lru[K, V]) put(key K, value V) {
	if e, ok := c.byKey[key]; ok {
		e.Value.(*lruEntry[K, V]).value = value
		c.order.MoveToFront(e)
		return
	}
	c.byKey[key] = c.order.PushFront(&lruEntry[K, V]{key, value})
	if c.order.Len() > c.max {
		last := c.order.Remove(c.order.Back()).(*lruEntry[K, V])
		delete(c.byKey, last.key)
	}
}
