package inventory

import (
	"bytes"
	"crypto/sha256"
	"sort"

	"picket.internal/fact"
)

const (
	// maxState bounds what one entity may be told as; a fact has 64 KiB.
	maxState = 48 << 10
	// plainState is how long a state is that surely fits the bounds of a fact
	// on its strings and lists.
	plainState = 1 << 10
	// maxStates bounds the states of one kind.
	maxStates = 24 << 20
)

// entry is one entity in a stock.
type entry struct {
	key, sum [8]byte // as in watch.Held
	from, to uint32  // where its state is
}

// stock is what is known of one kind, kept small: 24 bytes an entity and its
// state, all states in one piece of memory that holds no pointers. It never
// changes once it is made.
type stock struct {
	kind    fact.Kind
	entries []entry // by key
	states  []byte
	digest  [sha256.Size]byte
}

func (s *stock) len() int {
	if s == nil {
		return 0
	}
	return len(s.entries)
}

func (s *stock) state(i int) []byte { return s.states[s.entries[i].from:s.entries[i].to] }

// find is the place of an entity; -1 where there is none.
func (s *stock) find(key [8]byte) int {
	if s == nil {
		return -1
	}
	i := sort.Search(len(s.entries), func(i int) bool { return bytes.Compare(s.entries[i].key[:], key[:]) >= 0 })
	if i == len(s.entries) || s.entries[i].key != key {
		return -1
	}
	return i
}

// fact is the entity as it is known, with an action; nil where it cannot be
// told, which no state that came into a stock is.
func (s *stock) fact(i int, action string) *fact.Fact {
	f, err := fact.FromState(s.kind, s.state(i), action)
	if err != nil {
		return nil
	}
	return f
}

// item is one entity on its way into a stock.
type item struct {
	key   [8]byte
	sum   [sha256.Size]byte
	state []byte
	fact  *fact.Fact // nil of what is carried over
}

// byKey sorts items by key, those of one key by sum. The functions of package
// slices would be compiled anew for every type; this program must stay small.
type byKey []item

func (a byKey) Len() int      { return len(a) }
func (a byKey) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a byKey) Less(i, j int) bool {
	c := bytes.Compare(a[i].key[:], a[j].key[:])
	return c < 0 || c == 0 && bytes.Compare(a[i].sum[:], a[j].sum[:]) < 0
}

// lacks counts what a reading brought and a stock does not take, by cause.
type lacks struct {
	large int64 // too large for a fact, or one too many
	twins int64 // with the name of another, and not like it
	wrong int64 // not what the source said it reads
}

// sift makes items of the facts of one kind, one a key, sorted by it.
func sift(kind fact.Kind, facts []*fact.Fact) (items []item, l lacks) {
	total := 0
	for _, f := range facts {
		if f == nil || f.Kind != kind {
			continue
		}
		e, ok, err := f.Entity()
		switch {
		case err == nil && !ok:
			l.wrong++
			continue
		case err != nil || !tellable(&e) || total+len(e.State) > maxStates:
			l.large++
			continue
		}
		total += len(e.State)
		items = append(items, item{key: e.KeyHash(), sum: e.Sum(), state: e.State, fact: f})
	}
	sort.Sort(byKey(items))
	kept := items[:0]
	for i := range items {
		if n := len(kept); n == 0 || kept[n-1].key != items[i].key {
			kept = append(kept, items[i])
		} else if kept[n-1].sum != items[i].sum {
			l.twins++
		}
	}
	if over := len(kept) - MaxEntities; over > 0 {
		l.large += int64(over)
		kept = kept[:MaxEntities]
	}
	return kept, l
}

// tellable tells whether a fact can say the state.
func tellable(e *fact.Entity) bool {
	if len(e.State) > maxState {
		return false
	}
	if len(e.State) <= plainState {
		return true
	}
	_, err := fact.FromState(e.Kind, e.State, "")
	return err == nil
}

// carry adds to items what was known before and is not among them: it may be
// there still, hidden by what could not be read.
func carry(items []item, before *stock) []item {
	n := len(items)
	at := 0
	for i := range before.len() {
		key := before.entries[i].key
		for at < n && bytes.Compare(items[at].key[:], key[:]) < 0 {
			at++
		}
		if at < n && items[at].key == key || len(items) >= MaxEntities {
			continue
		}
		f := before.fact(i, "")
		if f == nil {
			continue
		}
		if e, ok, err := f.Entity(); ok && err == nil {
			items = append(items, item{key: key, sum: e.Sum(), state: before.state(i)})
		}
	}
	sort.Sort(byKey(items))
	return items
}

// newStock makes a stock of sorted items.
func newStock(kind fact.Kind, items []item) *stock {
	s := &stock{kind: kind, entries: make([]entry, len(items))}
	sums := make([][sha256.Size]byte, len(items))
	size := 0
	for i := range items {
		size += len(items[i].state)
	}
	s.states = make([]byte, 0, size)
	for i := range items {
		from := len(s.states)
		s.states = append(s.states, items[i].state...)
		s.entries[i] = entry{key: items[i].key, sum: [8]byte(items[i].sum[:8]), from: uint32(from), to: uint32(len(s.states))}
		sums[i] = items[i].sum
	}
	s.digest = fact.Digest(sums)
	return s
}
