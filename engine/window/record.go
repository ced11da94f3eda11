package window

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// Record is one group as data, for a caller that stores it.
type Record struct {
	Spec string
	Key  []byte
	Data []byte // nil: the group is forgotten
}

const (
	recordFormat = 1
	// maxRecord bounds what is decoded; maxSeq leaves room to count on.
	maxRecord = 8 << 20
	maxSeq    = 1 << 62
)

// Changes returns the records of all groups that have changed since the last
// call. Stored one after the other, each in place of the one with its spec and
// key, they are the table. It sees each group between two events; a caller that
// wants the table at one point calls it while nothing is applied.
func (t *Table) Changes() []Record {
	t.mu.Lock()
	out := t.orphans
	t.orphans = nil
	t.mu.Unlock()
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, s := range t.sorted() {
		for _, sh := range s.shards {
			out = sh.take(out)
		}
	}
	return out
}

// Restore takes in records, for a table that has taken no event yet. A record
// that cannot be used is counted, skipped, and told as forgotten by Changes, so
// that it is not stored for ever.
func (t *Table) Restore(records []Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	type restored struct {
		*group
		host string
	}
	bySpec := map[*specState][]restored{}
	var useless []Record
	for _, rec := range records {
		s := t.specs[rec.Spec]
		if s == nil {
			t.unknown.Add(1)
			t.orphans = append(t.orphans, Record{Spec: rec.Spec, Key: rec.Key})
			continue
		}
		if rec.Data == nil {
			continue
		}
		g, hostName, fit := s.plan.decode(rec)
		if g != nil {
			bySpec[s] = append(bySpec[s], restored{g, hostName})
			continue
		}
		stats := &s.shards[0].stats
		if fit {
			stats.Outdated++
		} else {
			stats.Undecodable++
		}
		useless = append(useless, rec)
	}
	for s, groups := range bySpec {
		slices.SortStableFunc(groups, func(a, b restored) int { return bySeq(a.group, b.group) })
		for _, g := range groups {
			sh := s.shard(g.key)
			if twin := sh.groups[g.key]; twin != nil {
				sh.remove(twin)
			}
			sh.admit(g.group, g.host)
			sh.stats.Restored++
		}
	}
	for _, rec := range useless {
		s := t.specs[rec.Spec]
		if len(rec.Key) != len(digest{}) {
			t.orphans = append(t.orphans, Record{Spec: rec.Spec, Key: rec.Key})
		} else if key := digest(rec.Key); s.shard(key).groups[key] == nil {
			s.shard(key).changed.drop(key)
		}
	}
}

// encode writes a group. What decode accepts, encode writes in the same bytes.
func (p *plan) encode(g *group) []byte {
	b := make([]byte, 0, 128)
	b = append(b, recordFormat)
	b = append(b, p.version[:]...)
	b = binary.AppendUvarint(b, g.seq)
	b = appendText(b, g.host.name)
	b = binary.AppendUvarint(b, uint64(len(g.names)))
	for _, name := range g.names {
		b = appendText(b, name)
	}
	for _, n := range []int64{g.mark, g.recv, g.floor, g.fired, g.more} {
		b = binary.AppendVarint(b, n)
	}
	active := byte(0)
	if g.active {
		active = 1
	}
	return g.state.encode(append(b, active))
}

// decode reads a group and its host; fit is true for a record of another version
// of the spec, with which nothing is wrong.
func (p *plan) decode(rec Record) (_ *group, hostName string, fit bool) {
	r := &reader{b: rec.Data}
	if len(rec.Key) != len(digest{}) || len(rec.Data) > maxRecord || r.byte() != recordFormat {
		return nil, "", false
	}
	if digest(r.bytes(len(digest{}))) != p.version {
		return nil, "", !r.bad
	}
	g := &group{key: digest(rec.Key), stored: true, state: p.newState()}
	g.seq = r.uint(maxSeq)
	g.host = &host{name: r.text()}
	names := int(r.uint(1 << 10))
	r.check(names == 0 || p.keepsGroup())
	for range names {
		if !r.bad {
			g.names = append(g.names, r.text())
		}
	}
	g.mark, g.recv = r.time(), r.time()
	g.floor, g.fired = r.int(never, maxTime+2*int64(MaxTimespan)), r.int(never, maxTime+2*int64(MaxTimespan))
	g.more = r.int(0, maxTime)
	g.active = r.byte() == 1
	if !r.bad {
		g.state.decode(p, g, r)
	}
	if r.bad || len(r.b) > 0 || !bytes.Equal(p.encode(g), rec.Data) {
		return nil, "", false
	}
	hostName, g.host = g.host.name, nil
	return g, hostName, true
}

// reader takes values off the front of a record. Whatever is amiss makes it bad,
// and what it returns from then on is worth nothing.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) check(ok bool) { r.bad = r.bad || !ok }

var zeros [16]byte

func (r *reader) bytes(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return zeros[:min(n, len(zeros))]
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte { return r.bytes(1)[0] }

func (r *reader) uint(most uint64) uint64 {
	n, size := binary.Uvarint(r.b)
	if r.check(size > 0 && n <= most); r.bad {
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) int(least, most int64) int64 {
	n, size := binary.Varint(r.b)
	if r.check(size > 0 && n >= least && n <= most); r.bad {
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) time() int64 { return r.int(0, maxTime) }

func (r *reader) digest() digest { return digest(r.bytes(len(digest{}))) }

func (r *reader) float() float64 {
	f := math.Float64frombits(binary.BigEndian.Uint64(r.bytes(8)))
	r.check(!math.IsNaN(f) && !math.IsInf(f, 0))
	return f
}

func (r *reader) text() string {
	n := int(r.uint(maxName))
	if r.bad || n > len(r.b) {
		r.bad = true
		return ""
	}
	s := strings.Clone(string(r.b[:n]))
	r.b = r.b[n:]
	return s
}

// fact reads the id of a fact, in the one form that it has.
func (r *reader) fact() factID {
	id := factID(r.bytes(len(factID{})))
	if id[0] == 0xff {
		n := int(id[1])
		r.check(n > 0 && n <= shortText)
		r.check(bytes.Equal(id[2+min(n, shortText):], zeros[:shortText-min(n, shortText)]))
	}
	return id
}

// count reads how many items follow; each takes at least least bytes.
func (r *reader) count(most, least int) int {
	n := r.uint(uint64(most))
	if r.check(int(n)*least <= len(r.b)); r.bad {
		return 0
	}
	return int(n)
}
