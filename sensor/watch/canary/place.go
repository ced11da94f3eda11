//go:build linux

package canary

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
)

// canary is one configured file and what is known of its place.
type canary struct {
	id, path string
	kind     string
	dirs     []int32 // watched folders that lead to it
	node     *node   // the file that is watched; nil where none is
	strays   []*node // files that were moved away from here and are still watched
	spot     spot    // as it was when the sensor last looked, all told
	signs    signs
	why      string    // why it is not watched
	told     string    // the why that was last told
	suspect  time.Time // when a look first showed what no event has told
	touched  time.Time
}

// maxStrays bounds how many files are watched that were once a canary.
const maxStrays = 4

func newCanary(id, p, kind string) *canary {
	return &canary{id: id, path: p, kind: kind}
}

// node is a watched file. Canaries that are hard links to one file share it.
type node struct {
	wd       int32
	key      inodeKey
	canaries map[*canary]bool
	mark     string    // its fanotify mark; empty where there is none
	where    string    // where it was moved to, where that is known
	gone     time.Time // when its watch ended; there may still be a word on what was before
	holders
	oath
}

// dir is a watched folder.
type dir struct {
	wd    int32
	users map[*canary]role
	index map[string][]*canary // by the entry that leads on; nil where it is not made
}

// of are the canaries to which an entry of the folder leads. Thousands may lie
// in one folder, and thousands of other files come and go there.
func (d *dir) of(name string) []*canary {
	if d.index == nil {
		d.index = make(map[string][]*canary)
		for k, r := range d.users {
			if r.name != "" {
				d.index[r.name] = append(d.index[r.name], k)
			}
		}
	}
	return d.index[name]
}

// role says what a folder is to a canary.
type role struct {
	name   string // the entry that leads on to the canary; empty in folders that are only watched for being moved
	path   string // of the folder
	parent bool   // the entry is the canary itself
}

// arrangeAll watches everything for the first time.
func (c *Collector) arrangeAll() {
	for _, k := range c.canaries {
		c.arrange(k)
		c.arm(k)
		c.unlisted(k)
	}
}

// arrange watches the folders that lead to a canary: the nearest that exists
// for everything, those above it for being renamed.
func (c *Collector) arrange(k *canary) {
	if c.folders == nil {
		return
	}
	for range 10 { // the folders may change while they are looked at
		if c.arrangeOnce(k) {
			return
		}
	}
}

// arrangeOnce reports whether what was found was still true when it was
// watched.
func (c *Collector) arrangeOnce(k *canary) (stable bool) {
	before := k.dirs
	k.dirs = make([]int32, 0, len(before)+4)
	defer func() { c.release(k, before) }()
	for at, from := "/", 1; ; {
		n := strings.IndexByte(k.path[from:], '/')
		if n < 0 { // the canary itself
			c.watchFolder(k, at, maskFolder, role{name: k.path[from:], path: at, parent: true})
			return true
		}
		next := k.path[:from+n]
		if !isFolder(next) {
			c.watchFolder(k, at, maskFolder, role{name: k.path[from : from+n], path: at})
			return !isFolder(next)
		}
		if isLink(next) { // which may be turned to lead elsewhere
			c.watchFolder(k, at, maskFolder, role{name: k.path[from : from+n], path: at})
		} else if at != "/" {
			c.watchFolder(k, at, maskAbove, role{path: at})
		}
		at, from = next, from+n+1
	}
}

func isLink(p string) bool {
	var st unix.Stat_t
	return unix.Lstat(p, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK
}

func isFolder(p string) bool {
	var st unix.Stat_t
	return unix.Stat(p, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// watchFolder watches one folder for one canary, besides what it is watched
// for already. A folder that may not be read cannot be watched; the regular
// check stands in for it.
func (c *Collector) watchFolder(k *canary, p string, mask uint32, r role) {
	wd, err := c.add(c.folders, p, mask|unix.IN_MASK_ADD)
	if err != nil {
		if isLimit(err) {
			c.tellLimit(err)
		}
		c.cfg.Logger.Debug("watching folder", "path", p, "error", err)
		return
	}
	d, ok := c.dirs[wd]
	if !ok {
		d = &dir{wd: wd, users: make(map[*canary]role)}
		c.dirs[wd] = d
	}
	d.users[k], d.index = r, nil
	k.dirs = append(k.dirs, wd)
}

// release gives up the folders that no longer lead to the canary.
func (c *Collector) release(k *canary, before []int32) {
	for _, wd := range before {
		d, ok := c.dirs[wd]
		if !ok || slices.Contains(k.dirs, wd) {
			continue
		}
		d.index = nil
		if delete(d.users, k); len(d.users) == 0 {
			delete(c.dirs, wd)
			c.folders.remove(wd)
			c.watches--
		}
	}
}

// arm watches the file that lies at the canary's path now. Where there is none
// to watch, why says so, and what lies there is compared from time to time.
func (c *Collector) arm(k *canary) {
	for range 3 {
		s, err := look(k.path)
		switch {
		case err != nil:
			k.why, s = fmt.Sprintf("looking at it: %v", err), spot{}
		case !s.exists:
			k.why = "there is no such file"
		case !s.regular:
			k.why = "it is " + s.kind() + ", not a file"
		case c.files == nil:
			k.why = c.broken
		default:
			k.why = ""
			if done := c.armFile(k, s); !done {
				continue // it was replaced meanwhile
			}
		}
		if k.why != "" && !k.spot.exists {
			k.spot = s // else what differs is still to be told
		}
		break
	}
	c.stale = true
}

// armFile watches the file s, and reports whether it is the one that is
// watched now.
func (c *Collector) armFile(k *canary, s spot) bool {
	before := tick()
	wd, err := c.add(c.files, k.path, maskFile)
	if err == unix.ENOENT {
		return false
	}
	if err != nil {
		k.why = fmt.Sprintf("inotify refuses: %v", err)
		if isLimit(err) {
			c.tellLimit(err)
		}
		return true
	}
	after, err := look(k.path)
	n := c.nodes[wd]
	if err != nil || after.key != s.key || (n != nil && n.key != s.key) {
		if n == nil {
			c.files.remove(wd)
			c.watches--
		}
		return false
	}
	if n == nil {
		n = &node{wd: wd, key: s.key, canaries: make(map[*canary]bool), oath: oath{told: before}}
		c.nodes[wd] = n
	}
	n.canaries[k] = true
	k.strays, n.where = slices.DeleteFunc(k.strays, func(s *node) bool { return s == n }), ""
	k.node, k.spot = n, after
	c.markFan(n, k.path)
	c.freshen(k)
	return true
}

// disarm stops to take the canary's file for the canary. It stays watched as a
// stray, so that what is done to it elsewhere is seen too.
func (c *Collector) disarm(k *canary, where string) {
	n := k.node
	k.node = nil
	if n == nil || c.nodes[n.wd] != n {
		return // the file is gone, and the watch with it
	}
	n.where = where
	k.strays = append(k.strays, n)
	if len(k.strays) > maxStrays {
		oldest := k.strays[0]
		k.strays = k.strays[1:]
		c.leave(k, oldest)
	}
}

// leave ends one canary's interest in a file.
func (c *Collector) leave(k *canary, n *node) {
	if delete(n.canaries, k); len(n.canaries) == 0 {
		c.files.remove(n.wd)
		c.drop(n)
	}
}

// drop forgets a file that is no longer watched.
func (c *Collector) drop(n *node) {
	if c.nodes[n.wd] != n {
		return
	}
	delete(c.nodes, n.wd)
	n.gone = time.Now()
	c.late = append(c.late, n)
	c.watches--
	n.forget()
	c.stale = true
	for k := range n.canaries {
		k.strays = slices.DeleteFunc(k.strays, func(s *node) bool { return s == n })
	}
}

// settle counts what is watched, for the heartbeat, and tells the lookouts and
// the audit's reader which files that are, once much may have changed.
func (c *Collector) settle() {
	if !c.stale {
		return
	}
	c.stale = false
	n := int64(0)
	for _, k := range c.canaries {
		if k.node != nil && c.nodes[k.node.wd] == k.node {
			n++
		}
	}
	c.armed.Store(n)
	all := make(map[inodeKey]*node, len(c.nodes)+len(c.late))
	for _, n := range c.late {
		all[n.key] = n
	}
	for _, n := range c.nodes {
		all[n.key] = n
	}
	c.targets.set(all)
}

// unlisted tells, once for each reason, that a canary is not watched.
func (c *Collector) unlisted(k *canary) {
	if k.why == k.told {
		return
	}
	k.told = k.why
	if k.why == "" {
		return
	}
	c.emit(c.loss(fact.LossUnwatched, 1, k, k.why))
}
