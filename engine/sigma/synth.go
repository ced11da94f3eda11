package sigma

import (
	"slices"
)

// Bounds of the search for an event: rules are tested by what is found within
// them, or not converted.
const (
	maxCubes    = 400  // ways to make a condition true that are tried
	maxCube     = 300  // tests of one way
	maxAttempts = 4000 // events that are tried
)

// wish is a condition and what it is to be.
type wish struct {
	n    *node
	want bool
}

// demand is one test and what it is to be.
type demand struct {
	t    *test
	want bool
}

// synthesize finds an event that fulfils all wishes; nil where none was found.
func synthesize(wishes ...wish) event {
	cubes := [][]demand{nil}
	for _, w := range wishes {
		cubes = cross(cubes, ways(w.n, w.want))
	}
	attempts := 0
	for _, cube := range cubes {
		for filler := range len(fillers) {
			for turn := range 4 {
				if attempts++; attempts > maxAttempts {
					return nil
				}
				e := build(cube, filler, turn)
				if fulfils(e, wishes) {
					return fill(e, wishes)
				}
			}
		}
	}
	return nil
}

func fulfils(e event, wishes []wish) bool {
	return !slices.ContainsFunc(wishes, func(w wish) bool { return w.n.holds(e) != w.want })
}

// fill gives the fields that the wishes ask about, and the event does not have,
// an ordinary value where that changes nothing: an event with a value that does
// not fit says more than one without.
func fill(e event, wishes []wish) event {
	for _, w := range wishes {
		for _, f := range w.n.fields(nil) {
			if _, there := e[f]; there || f.kind != kindText || f.list {
				continue
			}
			if e[f] = plausible(f); !fulfils(e, wishes) {
				delete(e, f)
			}
		}
	}
	return e
}

// ways lists sets of demands of which each makes the condition what it is to be.
// The first are the plainest; there may be more than are listed.
func ways(n *node, want bool) [][]demand {
	switch n.op {
	case opTest:
		return [][]demand{{{n.test, want}}}
	case opNot:
		return ways(n.kids[0], !want)
	}
	if (n.op == opAnd) == want {
		out := [][]demand{nil}
		for _, k := range n.kids {
			out = cross(out, ways(k, want))
		}
		return out
	}
	var out [][]demand
	for _, k := range n.kids {
		out = append(out, ways(k, want)...)
	}
	return out[:min(len(out), maxCubes)]
}

// cross joins each of a with each of b, up to the bounds. It takes the diagonals
// first, so that no list is known by its first element only.
func cross(a, b [][]demand) [][]demand {
	var out [][]demand
	for sum := 0; sum < len(a)+len(b) && len(out) < maxCubes; sum++ {
		for i := max(0, sum-len(b)+1); i < len(a) && i <= sum && len(out) < maxCubes; i++ {
			if joined := slices.Concat(a[i], b[sum-i]); len(joined) <= maxCube {
				out = append(out, joined)
			}
		}
	}
	return out
}

// fillers are what stands between the parts of a text that is made up.
var fillers = []string{"", " ", "x", "/", " x "}

// build makes an event of demands; nil where they contradict each other plainly.
func build(cube []demand, filler, turn int) event {
	e := event{}
	wanted := map[*field][]*test{}
	var order []*field
	for _, d := range cube {
		absent := d.t.kind == testText && len(d.t.pattern) == 0
		if d.want == absent || d.t.kind == testTruth {
			continue // an absent field does, or the truth is set below
		}
		if _, ok := wanted[d.t.field]; !ok {
			order = append(order, d.t.field)
		}
		wanted[d.t.field] = append(wanted[d.t.field], d.t)
	}
	for _, d := range cube {
		if d.t.kind == testTruth && d.want == d.t.truth {
			e[d.t.field] = true
		}
	}
	for _, f := range order {
		if v := valueOf(f, wanted[f], e, filler, turn); v != nil {
			e[f] = v
		}
	}
	return e
}
