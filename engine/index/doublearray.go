package index

import "slices"

// builder finds places for states in the cells of an automaton. Free cells form
// a ring in the order of their numbers, with cell 0, which is the root, at its
// head.
type builder struct {
	a          *automaton
	next, prev []int32
	top        int32 // behind the last cell that is taken
}

// tries is how many free cells are tried for a state before it is put behind
// all others: a few lost cells are better than a search that grows with the
// automaton.
const tries = 32

// span256 is how many classes there may be: a base must leave room for any.
const span256 = 256

func newBuilder(a *automaton) *builder {
	a.cells = []cell{{check: free}}
	b := &builder{a: a, next: []int32{0}, prev: []int32{0}, top: 1}
	b.grow(2 * span256)
	return b
}

func (b *builder) grow(to int) {
	for i := int32(len(b.a.cells)); int(i) < to; i++ {
		b.a.cells = append(b.a.cells, cell{check: free})
		last := b.prev[0]
		b.next, b.prev = append(b.next, 0), append(b.prev, last)
		b.next[last], b.prev[0] = i, i
	}
}

// place finds a base for a state with successors by the classes, in ascending
// order.
func (b *builder) place(classes []uint8) int32 {
	base, found := int32(0), false
	for at, n := b.next[0], 0; at != 0 && n < tries && !found; at, n = b.next[at], n+1 {
		base = at - int32(classes[0])
		found = base >= 0 && b.fits(base, classes)
	}
	if !found {
		base = max(0, b.top-int32(classes[0]))
	}
	if need := int(base) + 2*span256; need > len(b.a.cells) {
		b.grow(max(need, 2*len(b.a.cells)))
	}
	return base
}

func (b *builder) fits(base int32, classes []uint8) bool {
	for _, c := range classes {
		if at := int(base) + int(c); at == 0 || at < len(b.a.cells) && b.a.cells[at].check != free {
			return false
		}
	}
	return true
}

func (b *builder) take(at, state int32) {
	b.next[b.prev[at]], b.prev[b.next[at]] = b.next[at], b.prev[at]
	b.a.cells[at].check = state
	b.top = max(b.top, at+1)
}

// finish lets go of the cells that no base reaches.
func (b *builder) finish() {
	b.a.cells = slices.Clone(b.a.cells[:min(len(b.a.cells), int(b.top)+span256)])
}
