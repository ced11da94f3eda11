//go:build linux

package canary

import (
	"fmt"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
)

// turn is all that is dealt with at once: what the queues tell of one moment.
type turn struct {
	at      time.Time
	tick    time.Time // when the queues were last read, by the audit's clock
	touches []*touch
	byNode  map[*node]*touch
	places  map[*canary]bool  // with signs
	order   []*canary         // of places
	lost    [3]bool           // events, by source
	moves   map[uint32]string // where a rename led to, by cookie
	actors  []*actor          // that fanotify named, to let go of in the end
}

// touch is what was done to one file, by event.
type touch struct {
	node                         *node
	opens, reads, writes, closes int64
	wrote                        bool // closed after it was open for writing
	deeds                        []deed
}

// done is what was done by anybody.
func (x *touch) done() (reads, writes int64) {
	reads, writes = x.reads, x.writes
	for _, d := range x.deeds {
		reads += d.reads
		writes += d.writes
	}
	return reads, writes
}

// deed is what one process did, by fanotify's word.
type deed struct {
	who                  *actor
	opens, reads, writes int64
}

// turn takes all events that there are, and tells what happened.
func (c *Collector) turn() {
	t := &turn{byNode: make(map[*node]*touch), places: make(map[*canary]bool), moves: make(map[uint32]string)}
	c.gather(t)
	if t.at.IsZero() {
		return
	}
	if len(t.places) > 0 || t.lost != ([3]bool{}) {
		time.Sleep(together) // one deed has several events, by several queues
		c.gather(t)
	}
	for _, touch := range t.touches {
		c.tellTouch(t, touch)
	}
	for _, k := range t.order {
		c.settlePlace(t, k)
	}
	c.recover(t)
	for n := range t.byNode {
		n.told = t.tick
	}
	for _, a := range t.actors {
		a.close()
	}
}

// gather takes what the queues hold now.
func (c *Collector) gather(t *turn) {
	var all []batch
	if c.fan != nil {
		all = append(all, c.fan.take(c.cfg.before)...)
	}
	if c.files != nil {
		all = append(all, c.files.take(c.cfg.before)...)
		all = append(all, c.folders.take(c.cfg.before)...)
	}
	t.tick = tick()
	for _, b := range all {
		if t.at.IsZero() || b.at.Before(t.at) {
			t.at = b.at
		}
		c.sort(t, b)
	}
}

// sort puts the events of a batch where they belong.
func (c *Collector) sort(t *turn, b batch) {
	whole := true
	switch b.from {
	case fromFiles:
		whole = parseEvents(b.data, func(e event) { c.sortFile(t, e) })
	case fromFolders:
		whole = parseEvents(b.data, func(e event) { c.sortFolder(t, e) })
	case fromFan:
		whole = !b.torn
		for _, e := range b.fan {
			c.sortFan(t, e)
		}
	}
	if !whole {
		c.emit(c.loss(fact.LossMalformed, 0, nil, fmt.Sprintf("the kernel's queue of %s events gave half an event", b.from)))
		t.lost[b.from] = true
	}
	if !t.lost[b.from] {
		c.lastRead[b.from] = b.at
	}
}

// touch finds or begins what is gathered of a file.
func (t *turn) touch(n *node) *touch {
	if had, ok := t.byNode[n]; ok {
		return had
	}
	x := &touch{node: n}
	t.byNode[n] = x
	t.touches = append(t.touches, x)
	return x
}

// sign gives the signs of a canary, to add to.
func (t *turn) sign(k *canary) *signs {
	if !t.places[k] {
		t.places[k] = true
		t.order = append(t.order, k)
	}
	return &k.signs
}

func (c *Collector) sortFile(t *turn, e event) {
	if e.mask&unix.IN_Q_OVERFLOW != 0 {
		t.lost[fromFiles] = true
		return
	}
	n, ok := c.nodes[e.wd]
	if !ok {
		return // of a watch that was given up
	}
	x := t.touch(n)
	count := func(bit uint32, into *int64) {
		if e.mask&bit != 0 {
			*into++
		}
	}
	count(unix.IN_CLOSE_WRITE|unix.IN_CLOSE_NOWRITE, &x.closes)
	if n.mark == "" { // else fanotify tells the same, and who
		x.wrote = x.wrote || e.mask&unix.IN_CLOSE_WRITE != 0
		count(unix.IN_OPEN, &x.opens)
		count(unix.IN_ACCESS, &x.reads)
		count(unix.IN_MODIFY, &x.writes)
	}
	for k := range n.canaries {
		if k.node != n {
			continue // moved away: only what is read and written there counts
		}
		if e.mask&unix.IN_ATTRIB != 0 && n.mark == "" {
			t.sign(k).attrib++
		}
		if e.mask&unix.IN_MOVE_SELF != 0 {
			t.sign(k).selfMoved = true
		}
		if e.mask&unix.IN_DELETE_SELF != 0 {
			t.sign(k).selfDeleted = true
		}
		if e.mask&unix.IN_UNMOUNT != 0 {
			t.sign(k).unmounted = true
		}
	}
	if e.mask&unix.IN_IGNORED != 0 {
		for k := range n.canaries {
			if k.node == n {
				t.sign(k)
			}
		}
		c.drop(n)
	}
}

func (c *Collector) sortFolder(t *turn, e event) {
	if e.mask&unix.IN_Q_OVERFLOW != 0 {
		t.lost[fromFolders] = true
		return
	}
	d, ok := c.dirs[e.wd]
	if !ok {
		return
	}
	if e.mask&(unix.IN_MOVE_SELF|unix.IN_DELETE_SELF|unix.IN_UNMOUNT|unix.IN_IGNORED) != 0 {
		for k := range d.users {
			t.sign(k).above = true
		}
	} else {
		for _, k := range d.of(e.name) {
			if d.users[k].parent {
				t.sign(k).note(e)
			} else {
				t.sign(k).above = true // the way to the canary changed
			}
		}
	}
	if e.mask&unix.IN_MOVED_TO != 0 {
		for _, r := range d.users {
			t.moves[e.cookie] = path.Join(r.path, e.name)
			break
		}
	}
	if e.mask&unix.IN_IGNORED != 0 && c.dirs[e.wd] == d {
		delete(c.dirs, e.wd)
		c.watches--
	}
}

// note takes an event of the canary's own name.
func (s *signs) note(e event) {
	switch {
	case e.mask&unix.IN_MOVED_FROM != 0:
		s.movedFrom, s.cookie = true, e.cookie
	case e.mask&unix.IN_MOVED_TO != 0:
		s.movedTo = true
	case e.mask&unix.IN_DELETE != 0:
		s.deleted = true
	case e.mask&unix.IN_CREATE != 0:
		s.created = true
	}
}

// settlePlace tells what happened to a canary's place, and watches what lies
// there now.
func (c *Collector) settlePlace(t *turn, k *canary) {
	s := k.signs
	k.signs = signs{}
	if s.cookie != 0 {
		s.target = t.moves[s.cookie]
	}
	before := k.spot
	after, err := look(k.path)
	if err != nil {
		after = spot{}
	}
	v := decide(&s, before, after)
	if v.attrib || v.action != "" {
		c.swornChange(t, k, &s, before.key)
	}
	if v.attrib {
		c.tell(deedFact{canary: k, action: fact.CanaryAttrib, count: s.attrib, who: s.who[whoAttrib], at: t.at})
	}
	if v.action != "" {
		if s.who[whoPlace] == nil && s.attrib == 1 {
			// Losing a name is a change of attributes too, and this one was it.
			s.who[whoPlace] = s.who[whoAttrib]
		}
		c.tell(deedFact{
			canary: k, action: v.action, count: 1, who: s.who[whoPlace], at: t.at,
			target: s.target, recovered: v.recovered,
		})
	}
	c.rewatch(k, after, v.action != "", s.target)
}

// rewatch brings the watches in line with what lies at the path.
func (c *Collector) rewatch(k *canary, now spot, changed bool, where string) {
	k.spot = now // all that differs is told
	watched := k.node != nil && c.nodes[k.node.wd] == k.node && now.exists && now.key == k.node.key
	if watched && !changed {
		return
	}
	c.arrange(k)
	if !watched {
		c.disarm(k, where)
	}
	c.arm(k)
	c.unlisted(k)
}
