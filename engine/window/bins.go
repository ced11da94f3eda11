package window

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// bin is one window of those that lie side by side.
type bin struct {
	start  int64
	count  int64
	sum    float64
	rules  [MaxRules / 64]uint64
	values []digest // different ones, in order, as many as the condition needs
	sample []drawn
	level  uint8 // of the sample: every event whose mark has so many leading zeros
	facts  evidence
}

// drawn is a number and the mark by which it was drawn.
type drawn struct {
	mark uint64
	num  float64
}

// maxSample is how many numbers a percentile is taken from; up to so many it is
// exact.
const maxSample = 4096

// bins is the state of a correlation that is judged when its window is over.
type bins struct {
	open []bin // in order of time
}

func (b *bins) apply(sh *shard, g *group, e *event, out []Firing) []Firing {
	p := sh.plan
	out = b.close(p, g, g.floor, out)
	start := e.at - e.at%p.span
	i, found := slices.BinarySearchFunc(b.open, start, func(x bin, at int64) int { return cmp.Compare(x.start, at) })
	if !found {
		b.open = slices.Insert(b.open, i, bin{start: start})
	}
	if b.open[i].add(p, e) {
		sh.stats.Sampled++
	}
	return out
}

// add counts an event. It reports whether numbers had to be left out for good.
func (x *bin) add(p *plan, e *event) (thinned bool) {
	x.count++
	x.facts.add(e, maxFacts)
	switch p.spec.Type {
	case ValueCount:
		i, found := slices.BinarySearchFunc(x.values, e.value, compareDigests)
		if !found && len(x.values) < p.need {
			x.values = slices.Insert(x.values, i, e.value)
		}
	case Temporal:
		x.rules[e.rule/64] |= 1 << (e.rule % 64)
	case ValueSum, ValueAvg:
		x.sum = finite(x.sum + e.Number)
	case ValuePercentile:
		return x.draw(e)
	}
	return false
}

// draw takes a number into the sample. Which ones are in it follows from the
// events alone, not from their order.
func (x *bin) draw(e *event) (thinned bool) {
	d := drawn{mix(binary.BigEndian.Uint64(e.fact[:8]) ^ mix(binary.BigEndian.Uint64(e.fact[8:])^uint64(e.at))), e.Number}
	if bits.LeadingZeros64(d.mark) < int(x.level) {
		return true
	}
	x.sample = append(x.sample, d)
	for len(x.sample) > maxSample && x.level < 64 {
		x.level++
		thinned = true
		x.sample = slices.DeleteFunc(x.sample, func(d drawn) bool { return bits.LeadingZeros64(d.mark) < int(x.level) })
	}
	if len(x.sample) > maxSample {
		x.sample = x.sample[:maxSample]
	}
	return thinned
}

// mix spreads the bits of a number over all of it.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func compareDigests(a, b digest) int {
	return cmp.Or(cmp.Compare(binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])),
		cmp.Compare(binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:])))
}

// value is what the condition is held against.
func (x *bin) value(p *plan) float64 {
	switch p.spec.Type {
	case ValueCount:
		return float64(len(x.values))
	case Temporal:
		n := 0
		for _, word := range x.rules {
			n += bits.OnesCount64(word)
		}
		return float64(n)
	case ValueSum:
		return x.sum
	case ValueAvg:
		return x.sum / float64(x.count)
	case ValuePercentile:
		return percentile(x.sample, p.spec.Percentile)
	}
	return float64(x.count)
}

// percentile is the smallest number that at least so many per cent of all do
// not exceed.
func percentile(sample []drawn, percent float64) float64 {
	if len(sample) == 0 {
		return math.NaN() // meets no condition
	}
	nums := make([]float64, len(sample))
	for i, d := range sample {
		nums[i] = d.num
	}
	slices.Sort(nums)
	rank := int(math.Ceil(percent / 100 * float64(len(nums))))
	return nums[min(max(rank, 1), len(nums))-1]
}

// close judges the windows that are over at a time by the clock of the group,
// and lets no later event into them.
func (b *bins) close(p *plan, g *group, at int64, out []Firing) []Firing {
	n := 0
	for i := range b.open {
		x := &b.open[i]
		end := x.start + p.span
		if end > at {
			break
		}
		n++
		g.floor = max(g.floor, end)
		if v := x.value(p); holds(p.bounds, v) {
			f := Firing{Spec: p.spec.ID, Group: slices.Clone(g.names), Host: g.host.name, Count: x.counted(p, v), Value: v, Time: moment(end)}
			p.tell(&f, x.facts.all())
			out = append(out, f)
		}
	}
	b.open = slices.Delete(b.open, 0, n)
	return out
}

func (x *bin) counted(p *plan, v float64) int64 {
	if p.spec.Type == ValueCount || p.spec.Type == Temporal {
		return int64(v)
	}
	return x.count
}

// lag is how long after their time the events of a group come, by the newest
// ones: its clock runs so far behind the hub's.
func (g *group) lag() int64 { return min(g.recv-g.mark, int64(MaxTimespan)) }

func (b *bins) due(p *plan, g *group) int64 {
	if len(b.open) > 0 {
		return b.open[0].start + p.span + p.lateness + g.lag()
	}
	return b.over(p, g)
}

// over is when the group can be forgotten: a timespan after its last window, so
// that a straggler is counted as late and opens no window that was judged.
func (b *bins) over(p *plan, g *group) int64 { return g.recv + 2*p.span + p.lateness }

func (b *bins) expire(sh *shard, g *group, now int64, out []Firing) ([]Firing, bool) {
	out = b.close(sh.plan, g, now-g.lag()-sh.plan.lateness, out)
	return out, len(b.open) == 0 && b.over(sh.plan, g) <= now
}

func (b *bins) size() (n int64) {
	for i := range b.open {
		x := &b.open[i]
		n += 160 + int64(16*len(x.values)+16*len(x.sample)+32*x.facts.len())
	}
	return n
}
