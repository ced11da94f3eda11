//go:build linux

package process

import (
	"slices"
	"time"
	"unique"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
)

// kept is what is known of a process between two looks: enough to see what
// changes and to tell who it was when it is gone, little enough for 50,000 of
// them. Arguments are not kept. The Collector's mutex guards it.
type kept struct {
	pid      int32
	ppid     int32
	stat     proc.Stat
	ids      proc.IDs
	owned    bool // ids are known
	image    proc.Image
	hasImage bool
	path     unique.Handle[string] // raw bytes; many processes share few
	kind     string
	unit     string
	hash     unique.Handle[string]
	start    time.Time
}

// entry is kept with what only Run looks at.
type entry struct {
	kept
	owner   uint32    // of its folder in /proc, cheap to look at
	scan    uint64    // the last scan that listed it
	since   time.Time // known, or executed, since
	renamed time.Time // when a new name of its own choice was last told
	read    uint64    // when its reading began, by CLOCK_MONOTONIC
	ended   bool      // its exit is told; it waits to be reaped
	threads bool      // it may have more than one
	// announced says that the kernel has told of its beginning, or of what came
	// after it.
	announced bool
	lost      bool     // it has executed what could not be read
	unhash    bool     // its hash is still owed
	blind     bool     // its image may not be read
	pending   *pending // its last fact, while that waits for the hash
}

// newEntry keeps what matters of a reading.
func newEntry(r *proc.Reading, owner uint32, now time.Time) *entry {
	e := &entry{kept: kept{pid: r.PID}, since: now}
	e.take(r, owner)
	return e
}

// take replaces what is known of the process by a new reading of it.
func (e *entry) take(r *proc.Reading, owner uint32) {
	e.ppid, e.stat, e.ids, e.owner = r.PPID, r.Stat, r.IDs, owner
	e.owned = r.Owned
	e.image, e.hasImage = r.Image, r.HasImage
	e.image.Text = ""
	e.path = unique.Make(r.Path)
	e.kind, e.unit = describe.Kind(r), r.Unit
	e.hash, e.unhash = unique.Handle[string]{}, false
	e.lost = false
}

// forget drops what was known of the image.
func (e *entry) forget() {
	e.path, e.kind = unique.Make(""), ""
	e.hash, e.unhash = unique.Handle[string]{}, false
}

func (e *kept) kin() describe.Kin {
	return describe.Kin{
		PID: e.pid, PPID: e.ppid, StartTicks: e.stat.StartTicks, Name: e.stat.Name, Path: e.path.Value(),
	}
}

// sha256 is the hash of the image, empty where it is not known.
func (e *kept) sha256() string {
	if e.hash == (unique.Handle[string]{}) {
		return ""
	}
	return e.hash.Value()
}

// put adds or replaces what is known under a number.
func (c *Collector) put(e *entry) {
	c.mu.Lock()
	c.table[e.pid] = e
	c.mu.Unlock()
	c.count(e, 1)
}

// drop forgets a process.
func (c *Collector) drop(e *entry) {
	c.mu.Lock()
	if c.table[e.pid] == e {
		delete(c.table, e.pid)
	}
	c.setDead(slices.DeleteFunc(c.dead, func(d *entry) bool { return d == e }))
	c.mu.Unlock()
	c.count(e, -1)
}

// change alters an entry while nobody else looks at it, and keeps the counts.
func (c *Collector) change(e *entry, f func()) {
	c.count(e, -1)
	c.mu.Lock()
	f()
	c.mu.Unlock()
	c.count(e, 1)
}

// count keeps the books on what can be seen.
func (c *Collector) count(e *entry, by int64) {
	if e.stat.Kernel() || e.ended {
		return
	}
	c.bodies += by
	if e.blind {
		c.blind += by
	}
}

// user is the user block of what is kept; nil where the owner is not known.
func (c *Collector) user(e *kept) *fact.User {
	if !e.owned {
		return nil
	}
	return c.host.User(e.ids)
}

// block is the process block of what is kept.
func (c *Collector) block(e *kept) *fact.Process {
	p := c.host.Process(&proc.Reading{
		PID: e.pid, Stat: e.stat, IDs: e.ids, Image: e.image, HasImage: e.hasImage, Path: e.path.Value(),
	})
	p.ExecutableKind = e.kind
	p.Start = describe.StartText(e.start)
	if sum := e.sha256(); sum != "" {
		p.Hash, p.HashStatus = &fact.Hash{SHA256: sum}, fact.HashOK
	}
	return p
}
