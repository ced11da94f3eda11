package inventory

import (
	"bytes"
	"encoding/hex"
	"sort"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
)

// want is an entity of which the hub is still to be told. What is said is how
// the entity is when its turn comes, so nothing said here is older than what
// was said before.
type want struct {
	key    [8]byte
	action string // empty where something newer has been said
}

type wantsByKey []want

func (a wantsByKey) Len() int           { return len(a) }
func (a wantsByKey) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a wantsByKey) Less(i, j int) bool { return bytes.Compare(a[i].key[:], a[j].key[:]) < 0 }

type heldByKey []watch.Held

func (a heldByKey) Len() int           { return len(a) }
func (a heldByKey) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a heldByKey) Less(i, j int) bool { return bytes.Compare(a[i].Key[:], a[j].Key[:]) < 0 }

// wants is what the hub lacks of a kind, and what it has too much.
type wants struct {
	tell []want // by key
	gone [][8]byte
}

func (w *wants) empty() bool { return len(w.tell) == 0 && len(w.gone) == 0 }

// differ holds what the hub has against what there is. Partial says that
// something may be hidden: nothing is then called gone.
func differ(s *stock, o *watch.Resync, partial bool) *wants {
	held := o.Held
	sort.Sort(heldByKey(held))
	fresh := fact.Added
	if o.Fresh {
		fresh = fact.Seen
	}
	w := &wants{}
	for i := range s.entries {
		e := &s.entries[i]
		for len(held) > 0 && bytes.Compare(held[0].Key[:], e.key[:]) < 0 {
			w.gone = append(w.gone, held[0].Key)
			held = held[1:]
		}
		switch {
		case len(held) == 0 || held[0].Key != e.key:
			w.tell = append(w.tell, want{e.key, fresh})
			continue
		case held[0].State != e.sum:
			w.tell = append(w.tell, want{e.key, fact.Changed})
		}
		held = held[1:]
	}
	for _, h := range held {
		w.gone = append(w.gone, h.Key)
	}
	if partial {
		w.gone = nil
	}
	return w
}

// add puts in what did not fit elsewhere.
func (w *wants) add(late []delta) {
	for _, d := range late {
		if action := d.fact.Action(); action == fact.Removed {
			w.gone = append(w.gone, d.key)
		} else {
			w.tell = append(w.tell, want{d.key, action})
		}
	}
	sort.Stable(wantsByKey(w.tell))
}

// forget takes out what was said otherwise.
func (w *wants) forget(key [8]byte) {
	i := sort.Search(len(w.tell), func(i int) bool { return bytes.Compare(w.tell[i].key[:], key[:]) >= 0 })
	if i < len(w.tell) && w.tell[i].key == key {
		w.tell[i].action = ""
	}
}

// next is the next fact to be told of; nil when there is none left.
func (w *wants) next(s *stock) *fact.Fact {
	for len(w.tell) > 0 {
		first := w.tell[0]
		w.tell = w.tell[1:]
		if i := s.find(first.key); i >= 0 && first.action != "" {
			if f := s.fact(i, first.action); f != nil {
				return f
			}
		}
	}
	w.tell = nil
	snap := &fact.Snapshot{Action: fact.SnapshotDigest, Of: s.kind}
	for len(w.gone) > 0 && len(snap.Gone) < fact.MaxGone {
		key := w.gone[0]
		w.gone = w.gone[1:]
		if s.find(key) < 0 { // it may have come back
			snap.Gone = append(snap.Gone, hex.EncodeToString(key[:]))
		}
	}
	if len(snap.Gone) == 0 {
		w.gone = nil
		return nil
	}
	return &fact.Fact{Kind: fact.KindSnapshot, Snapshot: snap}
}
