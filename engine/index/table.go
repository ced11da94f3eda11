package index

import (
	"cmp"
	"slices"

	"picket.internal/engine/rule"
)

// column is all that is looked up in one subject of the facts of one kind.
type column struct {
	subject *rule.Subject

	equal     map[string]span // of groups, by text
	equalFold map[string]span // by text in lower case
	numbers   map[uint64]span
	groups    []int32 // that the spans are of
	// What equal and equalFold may hold.
	known, knownFold *filter
	present          []int32
	begins           *automaton
	ends             *automaton
	contains         *automaton
	long             []long // by length
}

// span is a part of a slice: tables of them are smaller than tables of slices,
// and small tables are what a fact's cost depends on.
type span struct{ from, to int32 }

// long is a group that a text over a length belongs to, whatever it holds.
type long struct {
	over  int
	group int32
}

// find adds the groups whose test the fact meets.
func (c *column) find(v *rule.Vars, f *Found) {
	switch {
	case !c.subject.IsText():
		if c.numbers != nil {
			f.addAll(c.groups, c.numbers[c.subject.Number(v)])
		}
	case c.subject.IsList():
		for _, item := range c.subject.Texts(v) {
			c.text(c.subject.Part(item), f)
		}
	default:
		c.text(c.subject.Text(v), f)
	}
	if c.present != nil && c.subject.Has(v) {
		f.addAll(c.present, span{0, int32(len(c.present))})
	}
}

func (c *column) text(text string, f *Found) {
	if c.known != nil && c.known.mayHold(text) {
		f.addAll(c.groups, c.equal[text])
	}
	if c.knownFold != nil {
		if folded := f.lower(text); c.knownFold.mayHoldBytes(folded) {
			f.addAll(c.groups, c.equalFold[string(folded)])
		}
	}
	if c.begins != nil {
		c.begins.atEdge(text, f)
	}
	if c.ends != nil {
		c.ends.atEdge(text, f)
	}
	if c.contains != nil {
		c.contains.contained(text, f)
	}
	for _, l := range c.long {
		if len(text) <= l.over {
			break
		}
		f.add(l.group)
	}
}

// columnBuilder gathers the tests of a subject.
type columnBuilder struct {
	column
	equals, equalsFold        map[string][]int32
	numbered                  map[uint64][]int32
	prefixes, suffixes, parts []literal
}

// put adds a test for a group. A test that every text meets must not get here.
func (b *columnBuilder) put(t *rule.Atom, group int32) {
	switch t.Kind {
	case rule.TestNumber:
		if b.numbered == nil {
			b.numbered = map[uint64][]int32{}
		}
		for _, n := range t.Numbers {
			b.numbered[n] = append(b.numbered[n], group)
		}
	case rule.TestPresent:
		b.present = append(b.present, group)
	case rule.TestEquals:
		table := &b.equals
		if t.Fold {
			table = &b.equalsFold
		}
		if *table == nil {
			*table = map[string][]int32{}
		}
		for _, value := range t.Values {
			(*table)[value] = append((*table)[value], group)
		}
	case rule.TestPrefix:
		b.prefixes = appendLiterals(b.prefixes, t, group)
	case rule.TestSuffix:
		b.suffixes = appendLiterals(b.suffixes, t, group)
	case rule.TestContains:
		b.parts = appendLiterals(b.parts, t, group)
	}
	if t.Longest > 0 {
		b.long = append(b.long, long{t.Longest, group})
	}
}

func appendLiterals(to []literal, t *rule.Atom, group int32) []literal {
	for _, value := range t.Values {
		to = append(to, literal{value, t.Fold, group})
	}
	return to
}

func (b *columnBuilder) build() column {
	b.equal, b.equalFold = spans(&b.groups, b.equals), spans(&b.groups, b.equalsFold)
	b.known, b.knownFold = newFilter(b.equal), newFilter(b.equalFold)
	b.numbers = spans(&b.groups, b.numbered)
	b.begins = newAutomaton(b.prefixes, false, false)
	b.ends = newAutomaton(b.suffixes, true, false)
	b.contains = newAutomaton(b.parts, false, true)
	slices.SortFunc(b.long, func(x, y long) int { return cmp.Compare(x.over, y.over) })
	return b.column
}

// spans moves the groups of a table to the end of others.
func spans[K comparable](groups *[]int32, table map[K][]int32) map[K]span {
	if table == nil {
		return nil
	}
	out := make(map[K]span, len(table))
	for k, of := range table {
		from := int32(len(*groups))
		*groups = append(*groups, of...)
		out[k] = span{from, int32(len(*groups))}
	}
	return out
}
