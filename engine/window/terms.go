package window

import (
	"cmp"
	"slices"
)

// term is a tuple and when it was seen last, rounded up to the grain of the
// spec, so that a term that is seen all the time does not change all the time.
type term struct {
	value digest
	last  int64
}

// maxTerms is how many terms a group remembers. When there are more, the eighth
// that was seen longest ago is given up; those fire again when they come back.
const maxTerms = 4096

// terms is the state of new_terms.
type terms struct {
	since int64  // first event of the group
	known []term // in order of value
}

func (t *terms) apply(sh *shard, g *group, e *event, out []Firing) []Firing {
	p := sh.plan
	if len(t.known) == 0 {
		t.since = e.at
	}
	last := e.at + (p.grain-e.at%p.grain)%p.grain
	i, found := slices.BinarySearchFunc(t.known, e.value, func(x term, v digest) int { return compareDigests(x.value, v) })
	if !found {
		t.known = slices.Insert(t.known, i, term{e.value, last})
		if len(t.known) > maxTerms {
			sh.stats.TermsEvicted += uint64(t.giveUp())
		}
	} else {
		known := t.known[i].last+p.span > e.at
		t.known[i].last = max(t.known[i].last, last)
		if known {
			return out
		}
	}
	if e.Learning || e.at-t.since < p.learn {
		return out
	}
	f := p.firing(e, e.at)
	f.Count, f.Value, f.Values = 1, 1, slices.Clone(e.Values)
	p.tell(&f, []witness{{e.at, e.fact, e.rule}})
	return append(out, f)
}

// giveUp forgets the terms that were seen longest ago.
func (t *terms) giveUp() int {
	byAge := slices.Clone(t.known)
	slices.SortFunc(byAge, func(a, b term) int {
		return cmp.Or(cmp.Compare(a.last, b.last), compareDigests(a.value, b.value))
	})
	n := len(byAge) / 8
	edge := byAge[n]
	t.known = slices.DeleteFunc(t.known, func(x term) bool {
		return cmp.Or(cmp.Compare(x.last, edge.last), compareDigests(x.value, edge.value)) < 0
	})
	return n
}

func (t *terms) due(p *plan, g *group) int64 { return g.recv + p.span + p.grain }

func (t *terms) expire(_ *shard, _ *group, _ int64, out []Firing) ([]Firing, bool) {
	return out, true
}

func (t *terms) size() int64 { return 24 * int64(len(t.known)) }
