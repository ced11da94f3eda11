//go:build linux

package canary

import (
	"time"
)

// holders are the processes that have a file open, as far as events and looks
// through /proc tell. It is what makes an attribution true: a process that is
// seen to hold the file did what the event says only if nobody else can have.
type holders struct {
	open  int64     // how often the file is open, by open and close events
	known []*holder // those of them that are known
	zero  time.Time // when an event last left nobody who has it open unknown: whoever was seen before then, and is not known, has closed it
	last  time.Time // the last event
}

// holder is a process that has the file open.
type holder struct {
	who   *actor
	fd    string
	opens int64
}

// forgotten is after how long without any event an open file that nobody is
// seen to hold counts as closed: two opens or two closes that come together
// are one event, so that the count may be off.
const forgotten = 10 * time.Second

// forget drops all that is known.
func (h *holders) forget() {
	for _, k := range h.known {
		k.who.close()
	}
	h.known, h.open = nil, 0
}

// verify drops the holders that have let go of the file, and tells how often
// those had it open.
func (h *holders) verify(key inodeKey) (gone int64) {
	kept := h.known[:0]
	for _, k := range h.known {
		if k.who.holds(k.fd, key) {
			kept = append(kept, k)
			continue
		}
		gone += k.opens
		k.who.close()
	}
	clear(h.known[len(kept):])
	h.known = kept
	return gone
}

// unknown is how often the file is open by nobody knows whom.
func (h *holders) unknown() int64 {
	n := h.open
	for _, k := range h.known {
		n -= k.opens
	}
	return max(0, n)
}

// sole is the one process that has the file open; nil where there may be
// another.
func (h *holders) sole() *actor {
	if len(h.known) == 1 && h.unknown() == 0 {
		return h.known[0].who
	}
	return nil
}

// fresh leaves of the sightings those of a descriptor that is not known, taken
// since the file was last closed by all. The rest is let go of.
func (h *holders) fresh(seen []sighting) []sighting {
	kept := seen[:0]
	for _, s := range seen {
		if s.at.After(h.zero) && !h.has(s) {
			kept = append(kept, s)
			continue
		}
		s.who.close()
	}
	return kept
}

func (h *holders) has(s sighting) bool {
	for _, k := range h.known {
		if k.fd == s.fd && k.who.same(s.who) {
			return true
		}
	}
	return false
}

// opened takes n opens, which the seen processes may have done, and tells who
// did how many. What cannot be told for certain is left to nobody.
func (h *holders) opened(n int64, seen []sighting) (by []share) {
	before := h.unknown()
	h.open += n
	people := distinct(seen)
	switch {
	case before > 0:
		// Whoever is seen may be one who had it open before.
		letGo(people)
		return []share{{nil, n}}
	case len(people) == 1:
		h.known = append(h.known, &holder{who: people[0].who, fd: people[0].fd, opens: n})
		return []share{{people[0].who, n}}
	}
	for _, p := range people {
		if n == 0 {
			p.who.close()
			continue
		}
		h.known = append(h.known, &holder{who: p.who, fd: p.fd, opens: 1})
		by = append(by, share{p.who, 1})
		n--
	}
	if n > 0 {
		by = append(by, share{nil, n})
	}
	return by
}

// used tells who read or wrote the file, where that was seen only now: by the
// one process that has it open.
func (h *holders) used(seen []sighting) *actor {
	people := distinct(seen)
	if len(people) == 1 && len(h.known) == 0 && h.open <= 1 {
		h.open = 1
		h.known = append(h.known, &holder{who: people[0].who, fd: people[0].fd, opens: 1})
	} else {
		letGo(people)
	}
	return h.sole()
}

// closed takes n closes, of which the events were read at this time.
func (h *holders) closed(n int64, key inodeKey, at time.Time) {
	if n == 0 {
		return
	}
	if h.open > n {
		// Two closes that come together are one event: those who are seen
		// to be gone count in any case.
		n = max(n, h.verify(key))
	}
	h.open = max(0, h.open-n)
	if h.open == 0 {
		h.forget()
	}
	if h.unknown() == 0 {
		h.zero = at
	}
}

// share is a part of several like events that one process did; nil is nobody
// knows who.
type share struct {
	who *actor
	n   int64
}

// distinct keeps one sighting of each process and lets go of the others.
func distinct(seen []sighting) []sighting {
	var one []sighting
next:
	for _, s := range seen {
		for _, o := range one {
			if o.who.same(s.who) {
				s.who.close()
				continue next
			}
		}
		one = append(one, s)
	}
	return one
}

func letGo(seen []sighting) {
	for _, s := range seen {
		s.who.close()
	}
}
