package window

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// Times in a row are written as differences: they are in order, and near.

func appendFloat(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(f))
}

func (w witness) encode(b []byte, last int64) []byte {
	b = binary.AppendUvarint(b, uint64(w.at-last))
	b = append(b, w.fact[:]...)
	return append(b, w.rule)
}

func (r *reader) witness(p *plan, last int64) witness {
	w := witness{at: r.since(last), fact: r.fact(), rule: r.byte()}
	r.check(int(w.rule) < max(1, len(p.spec.Rules)))
	return w
}

// since reads a time that is not before another.
func (r *reader) since(last int64) int64 {
	at := last + int64(r.uint(uint64(maxTime)))
	r.check(at >= 0 && at <= maxTime)
	return at
}

func encodeWitnesses(b []byte, all []witness) []byte {
	b = binary.AppendUvarint(b, uint64(len(all)))
	last := int64(0)
	for _, w := range all {
		b = w.encode(b, last)
		last = w.at
	}
	return b
}

func (r *reader) witnesses(p *plan, most int) []witness {
	n := r.count(most, 18)
	all := make([]witness, 0, n)
	last := int64(0)
	for range n {
		w := r.witness(p, last)
		all, last = append(all, w), w.at
	}
	return all
}

func (c *counted) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(c.times.len()))
	last := int64(0)
	for _, at := range c.times.all() {
		b = binary.AppendUvarint(b, uint64(at-last))
		last = at
	}
	return encodeWitnesses(b, c.facts.all())
}

func (c *counted) decode(p *plan, _ *group, r *reader) {
	n := r.count(2*p.need, 1)
	c.times.buf = make([]int64, 0, n)
	last := int64(0)
	for range n {
		last = r.since(last)
		c.times.buf = append(c.times.buf, last)
	}
	c.facts.buf = r.witnesses(p, p.facts)
}

func (d *distinct) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(d.seen.len()))
	last := int64(0)
	for _, s := range d.seen.all() {
		b = witness{s.at, s.fact, s.rule}.encode(b, last)
		b = append(b, s.value[:]...)
		last = s.at
	}
	return b
}

// decode finds out anew what is settled and what is stale.
func (d *distinct) decode(p *plan, g *group, r *reader) {
	n := r.count(3*p.need+maxPending+1, 34)
	all := make([]sighting, 0, n)
	last := int64(0)
	for range n {
		w := r.witness(p, last)
		all = append(all, sighting{at: w.at, fact: w.fact, rule: w.rule, value: r.digest()})
		last = w.at
		if w.at < g.floor {
			d.settled++
		}
	}
	r.check(d.settled <= p.need)
	later := make(map[digest]int, n)
	for i := n - 1; i >= 0 && !r.bad; i-- {
		if j, stale := later[all[i].value]; stale {
			all[i].stale = true
			r.check(all[j].at != all[i].at && j >= d.settled)
		}
		later[all[i].value] = i
	}
	d.seen.buf = all
}

func (o *ordered) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(o.chains)))
	for _, chain := range o.chains {
		b = encodeWitnesses(b, chain)
	}
	return encodeWitnesses(b, o.pending.all())
}

// decode takes only what settle leaves: chains before the floor of the group, and
// behind it what waits.
func (o *ordered) decode(p *plan, g *group, r *reader) {
	steps := r.count(len(p.spec.Rules), 1)
	r.check(steps == len(p.spec.Rules))
	for i := range steps {
		chain := r.witnesses(p, i+1)
		r.check(len(chain) == 0 || len(chain) == i+1)
		for j, w := range chain {
			r.check(int(w.rule) == j && w.at < g.floor)
		}
		if len(chain) == 0 {
			chain = nil
		}
		o.chains = append(o.chains, chain)
		o.facts += len(chain)
	}
	o.pending.buf = r.witnesses(p, 2*maxPending)
	r.check(len(o.pending.buf) == 0 || o.pending.buf[0].at >= g.floor)
	for i := 1; i < len(o.pending.buf); i++ {
		r.check(compareSteps(o.pending.buf[i-1], o.pending.buf[i]) < 0)
	}
}

func (s *summed) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.weights.len()))
	last := int64(0)
	for _, w := range s.weights.all() {
		b = appendFloat(binary.AppendUvarint(b, uint64(w.at-last)), w.num)
		last = w.at
	}
	return encodeWitnesses(b, s.facts.all())
}

func (s *summed) decode(p *plan, _ *group, r *reader) {
	n := r.count(maxWeights, 9)
	s.weights.buf = make([]weight, 0, n)
	last := int64(0)
	for range n {
		last = r.since(last)
		s.weights.buf = append(s.weights.buf, weight{last, r.float()})
	}
	s.facts.buf = r.witnesses(p, p.facts)
}

func (b *bins) encode(out []byte) []byte {
	out = binary.AppendUvarint(out, uint64(len(b.open)))
	for i := range b.open {
		x := &b.open[i]
		out = binary.AppendVarint(out, x.start)
		out = binary.AppendVarint(out, x.count)
		out = appendFloat(out, x.sum)
		for _, word := range x.rules {
			out = binary.BigEndian.AppendUint64(out, word)
		}
		out = binary.AppendUvarint(out, uint64(len(x.values)))
		for _, v := range x.values {
			out = append(out, v[:]...)
		}
		out = append(out, x.level)
		out = binary.AppendUvarint(out, uint64(len(x.sample)))
		for _, d := range x.sample {
			out = appendFloat(binary.BigEndian.AppendUint64(out, d.mark), d.num)
		}
		out = encodeWitnesses(out, x.facts.all())
	}
	return out
}

func (b *bins) decode(p *plan, _ *group, r *reader) {
	for range r.count(8, 40) {
		x := bin{start: r.time(), count: r.int(1, maxTime), sum: r.float()}
		r.check(x.start%p.span == 0 && (len(b.open) == 0 || x.start > b.open[len(b.open)-1].start))
		for i := range x.rules {
			x.rules[i] = binary.BigEndian.Uint64(r.bytes(8))
			r.check(bits.Len64(x.rules[i]) <= max(0, len(p.spec.Rules)-64*i))
		}
		for range r.count(p.need, 16) {
			x.values = append(x.values, r.digest())
		}
		r.check(slices.IsSortedFunc(x.values, compareDigests) && len(slices.Compact(slices.Clone(x.values))) == len(x.values))
		x.level = r.byte()
		r.check(x.level <= 64)
		for range r.count(maxSample, 16) {
			d := drawn{binary.BigEndian.Uint64(r.bytes(8)), r.float()}
			r.check(bits.LeadingZeros64(d.mark) >= int(x.level))
			x.sample = append(x.sample, d)
		}
		x.facts.buf = r.witnesses(p, maxFacts)
		b.open = append(b.open, x)
	}
}

func (t *terms) encode(b []byte) []byte {
	b = binary.AppendVarint(b, t.since)
	b = binary.AppendUvarint(b, uint64(len(t.known)))
	for _, x := range t.known {
		b = binary.AppendVarint(append(b, x.value[:]...), x.last)
	}
	return b
}

func (t *terms) decode(p *plan, _ *group, r *reader) {
	t.since = r.time()
	n := r.count(maxTerms, 17)
	t.known = make([]term, 0, n)
	for range n {
		x := term{r.digest(), r.int(0, maxTime+p.grain)}
		r.check(len(t.known) == 0 || compareDigests(t.known[len(t.known)-1].value, x.value) < 0)
		t.known = append(t.known, x)
	}
}

func (a *absence) encode(b []byte) []byte { return witness{a.last, a.fact, a.rule}.encode(b, 0) }

func (a *absence) decode(p *plan, _ *group, r *reader) {
	w := r.witness(p, 0)
	a.last, a.fact, a.rule = w.at, w.fact, w.rule
}

func (r *risk) encode(b []byte) []byte {
	b = binary.AppendVarint(appendFloat(b, r.rest), r.restAt)
	b = binary.AppendUvarint(b, uint64(len(r.parts)))
	for _, s := range r.parts {
		b = append(appendText(b, s.rule), s.fact[:]...)
		b = appendFloat(binary.AppendVarint(b, s.at), s.score)
	}
	return b
}

func (r *risk) decode(p *plan, g *group, in *reader) {
	r.rest, r.restAt = in.float(), in.int(0, g.mark)
	in.check(r.rest >= 0)
	for range in.count(maxParts, 26) {
		s := share{rule: in.text(), fact: in.fact(), at: in.int(0, g.mark), score: in.float()}
		if in.check(s.score > 0 && s.score <= maxScore); in.bad {
			return
		}
		in.check(len(r.parts) == 0 || r.parts[len(r.parts)-1].rank(p) >= s.rank(p))
		r.parts = append(r.parts, s)
	}
	r.total = r.at(p, g.mark)
}
