//go:build linux

package digest

import "container/list"

// cache keeps the digests that were used last. It is not safe for concurrent
// use; the Hasher's mutex guards it.
type cache struct {
	max   int
	order *list.List // of *entry, the last used first
	at    map[Key]*list.Element
}

type entry struct {
	key    Key
	sha256 string
}

func newCache(max int) *cache {
	return &cache{max: max, order: list.New(), at: make(map[Key]*list.Element)}
}

func (c *cache) get(k Key) (string, bool) {
	el, ok := c.at[k]
	if !ok {
		return "", false
	}
	c.order.MoveToFront(el)
	return el.Value.(*entry).sha256, true
}

func (c *cache) put(k Key, sha256 string) {
	if el, ok := c.at[k]; ok {
		el.Value.(*entry).sha256 = sha256
		c.order.MoveToFront(el)
		return
	}
	c.at[k] = c.order.PushFront(&entry{key: k, sha256: sha256})
	for c.order.Len() > c.max {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.at, last.Value.(*entry).key)
	}
}
