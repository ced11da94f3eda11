//go:build linux

package canary

import (
	"time"

	"picket.internal/fact"
)

// Before has f called before each read of a queue.
func (c *Config) Before(f func()) { c.before = f }

// Limit has f asked before each watch.
func (c *Config) Limit(f func(watches int) error) { c.limit = f }

// Event is one event of inotify.
type Event struct {
	WD           int32
	Mask, Cookie uint32
	Name         string
}

// ParseEvents is parseEvents.
func ParseEvents(data []byte) (all []Event, whole bool) {
	whole = parseEvents(data, func(e event) { all = append(all, Event{e.wd, e.mask, e.cookie, e.name}) })
	return all, whole
}

// FanEvent is one event of fanotify.
type FanEvent struct {
	Mask  uint64
	PID   int32
	PIDFD int
	Name  string
}

// ParseFan is parseFan.
func ParseFan(data []byte) (all []FanEvent, whole bool) {
	events, whole := parseFan(data)
	for _, e := range events {
		all = append(all, FanEvent{e.mask, e.pid, e.pidfd, e.name})
	}
	return all, whole
}

// FanName is fanName.
var FanName = fanName

// Spot and Signs let tests make some.
type (
	Spot  = spot
	Signs = signs
)

// Lies is a spot where a file lies, changed and read at these times.
func Lies(inode uint64, size uint64, atime, mtime, ctime int64) Spot {
	return spot{
		exists: true, regular: true, key: inodeKey{1, inode}, links: 1, size: size,
		atime: time.Unix(atime, 0), mtime: time.Unix(mtime, 0), ctime: time.Unix(ctime, 0),
	}
}

// WithLinks is the spot with another number of names.
func (s spot) WithLinks(n uint32) Spot { s.links = n; return s }

// HidesReads is hidesReads.
func (s spot) HidesReads(now time.Time) bool { return s.hidesReads(now) }

// Look is look.
var Look = look

// Missed is missed.
var Missed = missed

// Sign names for tables.
func Sign(names ...string) *Signs {
	s := &signs{}
	for _, name := range names {
		switch name {
		case "movedFrom":
			s.movedFrom = true
		case "movedTo":
			s.movedTo = true
		case "deleted":
			s.deleted = true
		case "created":
			s.created = true
		case "selfMoved":
			s.selfMoved = true
		case "selfDeleted":
			s.selfDeleted = true
		case "unmounted":
			s.unmounted = true
		case "above":
			s.above = true
		case "attrib":
			s.attrib++
		default:
			panic(name)
		}
	}
	return s
}

// Decide is decide as words.
func Decide(s *Signs, before, after Spot) string {
	v := decide(s, before, after)
	words := v.action
	if v.recovered {
		words += " recovered"
	}
	if v.attrib {
		words += "attrib"
	}
	return words
}

// Holders lets tests play with who holds a file.
type Holders struct{ h holders }

// Seen is a process that is seen to hold the file.
type Seen struct {
	PID int32
	FD  string
	At  time.Time
}

func sightingsOf(seen []Seen) []sighting {
	var all []sighting
	for _, s := range seen {
		done := make(chan struct{})
		close(done)
		all = append(all, sighting{fd: s.FD, at: s.At, who: &actor{pid: s.PID, done: done}})
	}
	return all
}

// Opened is opened, as pid to count; 0 is nobody.
func (h *Holders) Opened(n int64, seen ...Seen) map[int32]int64 {
	by := make(map[int32]int64)
	for _, s := range h.h.opened(n, h.h.fresh(sightingsOf(seen))) {
		if s.who == nil {
			by[0] += s.n
			continue
		}
		by[s.who.pid] += s.n
	}
	return by
}

// Used is used, 0 for nobody.
func (h *Holders) Used(seen ...Seen) int32 { return pidOf(h.h.used(h.h.fresh(sightingsOf(seen)))) }

// Sole is sole, 0 for nobody.
func (h *Holders) Sole() int32 { return pidOf(h.h.sole()) }

// Closed is closed.
func (h *Holders) Closed(n int64, at time.Time) { h.h.closed(n, inodeKey{}, at) }

func pidOf(a *actor) int32 {
	if a == nil {
		return 0
	}
	return a.pid
}

// Floods lets tests pour facts.
type Floods struct{ f floods }

// NewFloods begins.
func NewFloods() *Floods { return &Floods{newFloods()} }

// Pass and Flush are those of floods.
func (f *Floods) Pass(x *fact.Fact, count int64) bool { return f.f.pass(x, count) }
func (f *Floods) Flush(emit func(*fact.Fact))         { f.f.flush(emit) }

// FloodRoom is how many facts pass one by one.
const FloodRoom = floodRoom
