package queue

import "time"

// item is one fact that waits: its encoded form and nothing else of it.
type item struct {
	seq   uint64
	since time.Time // when it was queued
	class class
	group string // critical facts only
	raw   []byte
	loss  *loss // the loss that the fact tells of; nil for all others
}

// lane holds the waiting facts of one class, oldest first.
type lane struct {
	items  []item // from head on
	head   int
	bytes  int
	groups map[string]int // how many places each group holds
}

func (l *lane) len() int { return len(l.items) - l.head }

// at is the i-th oldest.
func (l *lane) at(i int) *item { return &l.items[l.head+i] }

func (l *lane) push(it item) {
	l.items = append(l.items, it)
	l.count(&it, 1)
}

// pop takes the oldest fact out.
func (l *lane) pop() item {
	it := l.items[l.head]
	l.items[l.head] = item{}
	l.head++
	l.count(&it, -1)
	// Moving once half the slice is empty keeps both the cost of a pop and
	// the memory within a constant factor.
	if l.head*2 > len(l.items) {
		n := copy(l.items, l.items[l.head:])
		clear(l.items[n:])
		l.items, l.head = l.items[:n], 0
	}
	return it
}

// largestGroup tells which group holds the most places, and how many.
func (l *lane) largestGroup() (name string, n int) {
	for g, have := range l.groups {
		if have > n || have == n && g < name {
			name, n = g, have
		}
	}
	return name, n
}

// count keeps the sums right as a fact comes or goes.
func (l *lane) count(it *item, by int) {
	l.bytes += by * len(it.raw)
	if it.group == "" {
		return
	}
	if l.groups == nil {
		l.groups = make(map[string]int)
	}
	if l.groups[it.group] += by; l.groups[it.group] == 0 {
		delete(l.groups, it.group)
	}
}

// popNewest takes the newest fact of a group out.
func (l *lane) popNewest(name string) {
	for i := len(l.items) - 1; i >= l.head; i-- {
		if l.items[i].group != name {
			continue
		}
		it := l.items[i]
		copy(l.items[i:], l.items[i+1:])
		l.items[len(l.items)-1] = item{}
		l.items = l.items[:len(l.items)-1]
		l.count(&it, -1)
		return
	}
}
