package window

import "math"

// weight is a number at a time.
type weight struct {
	at  int64
	num float64
}

// maxWeights is how many numbers a group keeps apart; beyond, those that are
// closer together than a 512th of the timespan are added up, and count until the
// newest of them leaves the window.
const (
	maxWeights = 4096
	grains     = 512
)

// summed is the state of a value_sum that is judged at every event.
type summed struct {
	weights line[weight]
	facts   evidence
}

func (s *summed) apply(sh *shard, g *group, e *event, out []Firing) []Firing {
	p := sh.plan
	s.forget(g.floor - p.span)
	all := s.weights.all()
	i := len(all)
	for i > 0 && all[i-1].at > e.at {
		i--
	}
	s.weights.insert(i, weight{e.at, e.Number})
	s.facts.add(e, p.facts)
	end, sum, hit := s.judge(p, i)
	n := s.count(end-p.span, end)
	found := s.facts.within(end-p.span, end)
	if s.weights.len() > maxWeights {
		s.coarsen(max(1, p.span/grains))
		sh.stats.Coarsened++
	}
	switch g.turn(p.span, e, hit, end) {
	case fires:
		f := p.firing(e, end)
		f.Count, f.Value = n, sum
		p.tell(&f, found)
		return append(out, f)
	case continues:
		f := p.continuation(g, e, sum)
		f.Count = n
		return append(out, f)
	}
	return out
}

// judge looks for the last window that holds the event at position i and whose
// sum meets the condition. The sum is taken anew, in order of time, so that it
// does not depend on what has left the window.
func (s *summed) judge(p *plan, i int) (end int64, sum float64, hit bool) {
	all := s.weights.all()
	last := len(all) - 1
	if sum = s.sum(all[last].at-p.span, all[last].at); holds(p.bounds, sum) {
		return all[last].at, sum, true
	}
	if i == last {
		return 0, 0, false
	}
	totals := make([]float64, 1, len(all)+1) // an event that is late is worth it
	for _, w := range all {
		totals = append(totals, totals[len(totals)-1]+w.num)
	}
	first := last
	for j := last; j >= i; j-- {
		for first > 0 && all[first-1].at > all[j].at-p.span {
			first--
		}
		if j < last && all[j+1].at == all[j].at {
			continue // the window that ends here holds that one too
		}
		if holds(p.bounds, totals[j+1]-totals[first]) {
			return all[j].at, s.sum(all[j].at-p.span, all[j].at), true
		}
	}
	return 0, 0, false
}

func (s *summed) sum(after, until int64) (sum float64) {
	for _, w := range s.weights.all() {
		if w.at > after && w.at <= until {
			sum += w.num
		}
	}
	return sum
}

func (s *summed) count(after, until int64) (n int64) {
	for _, w := range s.weights.all() {
		if w.at > after && w.at <= until {
			n++
		}
	}
	return n
}

// coarsen adds up numbers that fall into one grain.
func (s *summed) coarsen(grain int64) {
	all := s.weights.all()
	kept := all[:1]
	for _, w := range all[1:] {
		if last := &kept[len(kept)-1]; last.at/grain == w.at/grain {
			last.at, last.num = w.at, finite(last.num+w.num)
		} else {
			kept = append(kept, w)
		}
	}
	s.weights.buf = s.weights.buf[:s.weights.head+len(kept)]
}

func (s *summed) forget(before int64) {
	n := 0
	for _, w := range s.weights.all() {
		if w.at > before {
			break
		}
		n++
	}
	s.weights.drop(n)
	s.facts.forget(before)
}

func (s *summed) due(p *plan, g *group) int64 { return g.recv + p.span + p.lateness }

func (s *summed) expire(_ *shard, _ *group, _ int64, out []Firing) ([]Firing, bool) {
	return out, true
}

func (s *summed) size() int64 { return int64(16*s.weights.len() + 32*s.facts.len()) }

// finite keeps a sum of numbers a number.
func finite(x float64) float64 { return max(-math.MaxFloat64, min(x, math.MaxFloat64)) }
