package index

import (
	"cmp"
	"slices"
)

// literal is a text that is looked for, and for which group of rules.
type literal struct {
	text  string
	fold  bool // in any case; text is in lower case then
	group int32
}

// automaton finds which of many literals a text has: as beginnings by prefixes,
// as ends by suffixes, anywhere by contained. It is a trie in two interleaved
// arrays (a double array), whose letters are folded to lower case: literals
// that mind the case are compared once more where they were found.
type automaton struct {
	class [256]uint8 // of a byte; 0: it is in no literal
	cells []cell
	outs  []out
	lits  []literal
	back  bool // literals are read from their ends
}

// cell is a state. Its successor by a byte of class c is the cell at base+c, if
// that cell's check is the state.
type cell struct {
	base, check int32
	fail        int32 // the state of the longest end of this one that is a beginning
	out         int32 // in outs, plus one; 0 where nothing is found here
}

// out are the literals that end in a state.
type out struct {
	from, to int32 // in lits
	next     int32 // the out of the next shorter literal that ends here, plus one
}

const free = -1

// newAutomaton builds the trie; links makes it an Aho-Corasick automaton.
func newAutomaton(lits []literal, back, links bool) *automaton {
	if len(lits) == 0 {
		return nil
	}
	a := &automaton{lits: slices.Clone(lits), back: back}
	keys := a.sort()
	a.classes(keys)
	a.build(keys, links)
	return a
}

// key is what several literals have in common once their case is folded.
type key struct {
	text string
	out  out
}

// sort orders the literals by their keys and gathers those of one key.
func (a *automaton) sort() []key {
	texts := make(map[string]string, len(a.lits))
	for _, l := range a.lits {
		if _, ok := texts[l.text]; !ok {
			texts[l.text] = keyText(l.text, a.back)
		}
	}
	slices.SortStableFunc(a.lits, func(x, y literal) int { return cmp.Compare(texts[x.text], texts[y.text]) })
	var keys []key
	for i, l := range a.lits {
		text := texts[l.text]
		if n := len(keys); n > 0 && keys[n-1].text == text {
			keys[n-1].out.to++
			continue
		}
		keys = append(keys, key{text, out{from: int32(i), to: int32(i) + 1}})
	}
	return keys
}

func keyText(s string, back bool) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	if back {
		slices.Reverse(b)
	}
	return string(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func (a *automaton) classes(keys []key) {
	var used [256]bool
	for _, k := range keys {
		for i := range len(k.text) {
			used[k.text[i]] = true
		}
	}
	// All 256 bytes never need a class of their own: there are no upper case
	// letters in keys.
	n := uint8(0)
	for c := range used {
		if used[c] {
			n++
			a.class[c] = n
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[lower(byte(c))]
	}
}

// state is a place in the trie with the keys that go through it.
type state struct {
	at       int32
	from, to int
	depth    int
}

// build places the states breadth first, so that the shorter states that one
// fails to are there before it.
func (a *automaton) build(keys []key, links bool) {
	b := newBuilder(a)
	var classes []uint8
	for work := []state{{0, 0, len(keys), 0}}; len(work) > 0; work = work[1:] {
		s := work[0]
		if len(keys[s.from].text) == s.depth {
			a.outs = append(a.outs, keys[s.from].out)
			a.cells[s.at].out = int32(len(a.outs))
			s.from++
		}
		if links {
			a.linkOuts(s.at)
		}
		first := len(work)
		classes = classes[:0]
		for i := s.from; i < s.to; {
			c, j := keys[i].text[s.depth], i+1
			for j < s.to && keys[j].text[s.depth] == c {
				j++
			}
			classes = append(classes, a.class[c])
			work = append(work, state{from: i, to: j, depth: s.depth + 1})
			i = j
		}
		if len(classes) == 0 {
			continue
		}
		base := b.place(classes)
		a.cells[s.at].base = base
		for i, c := range classes {
			t := base + int32(c)
			work[first+i].at = t
			b.take(t, s.at)
			if links && s.at != 0 {
				a.cells[t].fail = a.next(a.cells[s.at].fail, int32(c))
			}
		}
	}
	b.finish()
}

// linkOuts adds to what is found in a state what is found in the one that it
// fails to.
func (a *automaton) linkOuts(s int32) {
	if s == 0 {
		return
	}
	shorter := a.cells[a.cells[s].fail].out
	if own := a.cells[s].out; own != 0 {
		a.outs[own-1].next = shorter
	} else {
		a.cells[s].out = shorter
	}
}

// next is the state after a byte of class c, 0 where nothing begins with it.
func (a *automaton) next(s, c int32) int32 {
	for {
		t := a.cells[s].base + c
		if a.cells[t].check == s {
			return t
		}
		if s == 0 {
			return 0
		}
		s = a.cells[s].fail
	}
}

// contained finds the literals that the text contains.
func (a *automaton) contained(text string, f *Found) {
	cells, s := a.cells, int32(0)
	for i := range len(text) {
		c := int32(a.class[text[i]])
		if c == 0 {
			s = 0
			continue
		}
		for {
			if t := cells[s].base + c; cells[t].check == s {
				s = t
				break
			}
			if s == 0 {
				break
			}
			s = cells[s].fail
		}
		for o := cells[s].out; o != 0; o = a.outs[o-1].next {
			a.hit(&a.outs[o-1], text[:i+1], true, f)
		}
	}
}

// atEdge finds the literals that the text begins with, or ends with if the
// automaton reads backwards.
func (a *automaton) atEdge(text string, f *Found) {
	s := int32(0)
	for i := range len(text) {
		at := i
		if a.back {
			at = len(text) - 1 - i
		}
		c := int32(a.class[text[at]])
		t := a.cells[s].base + c
		if c == 0 || a.cells[t].check != s {
			return
		}
		if s = t; a.cells[s].out != 0 {
			a.hit(&a.outs[a.cells[s].out-1], text, a.back, f)
		}
	}
}

// hit reports the literals of one key, at the end of the text or at its start.
func (a *automaton) hit(o *out, text string, end bool, f *Found) {
	for i := o.from; i < o.to; i++ {
		l := &a.lits[i]
		at := text[:len(l.text)]
		if end {
			at = text[len(text)-len(l.text):]
		}
		if l.fold || at == l.text {
			f.add(l.group)
		}
	}
}
