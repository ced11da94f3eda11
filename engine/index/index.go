package index

import (
	"maps"
	"slices"
	"sync"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// Index is built of a set of rules once and never changes. All its methods are
// safe for concurrent use.
type Index struct {
	kinds  map[fact.Kind]*shelf
	report []Report
}

// New builds the index of rules, which Candidates knows by their place here.
// What the profile has seen decides which part of a rule is looked up; nil
// leaves that to guesses by the field and the literals.
func New(rules []*rule.Rule, p *Profile) *Index {
	x := &Index{kinds: map[fact.Kind]*shelf{}}
	builders := map[fact.Kind]*shelfBuilder{}
	for i, r := range rules {
		report := Report{Rule: r.ID}
		for _, kind := range r.On {
			b := builders[kind]
			if b == nil {
				b = newShelfBuilder(p.frequency(kind))
				builders[kind] = b
			}
			report.add(kind, b.put(int32(i), r.Need()))
		}
		x.report = append(x.report, report)
	}
	for kind, b := range builders {
		x.kinds[kind] = b.build(len(rules))
	}
	return x
}

// Candidates are the rules of the fact's kind that it may meet, in ascending
// order; nil where there are none. The answer is released after use.
func (x *Index) Candidates(kind fact.Kind, v *rule.Vars) *Found {
	s := x.kinds[kind]
	if s == nil {
		return nil
	}
	f := s.pool.Get().(*Found)
	for i := range s.columns {
		s.columns[i].find(v, f)
	}
	f.Rules = append(f.Rules, s.always...)
	slices.Sort(f.Rules)
	return f
}

// shelf is the index of the facts of one kind.
type shelf struct {
	columns []column
	groups  []span  // clauses that have a test in common, of posts
	posts   []int32 // clauses with the bits of the tests
	rules   []int32 // of the clauses
	always  []int32 // rules that are shown every fact
	pool    sync.Pool
}

// Found are the rules that were found for one fact.
type Found struct {
	Rules []int32

	shelf *shelf
	// A mark that is not of this turn is of an earlier fact.
	// Marks are small, to stay in the caches.
	turn    uint16
	groups  []uint16
	clauses []uint16 // the turn, and in the lowest two bits which tests were met
	rules   []uint16
	buf     []byte
}

// A clause is posted in a group with the bit of its tests: first for those that
// it is found by, second for those of which one must be met too, both where
// nothing else must.
const (
	first    = 1
	second   = 2
	both     = first | second
	postBits = 2
)

// Release gives the answer back; it must not be used afterwards.
func (f *Found) Release() {
	if f == nil {
		return
	}
	f.Rules = f.Rules[:0]
	if f.turn++; f.turn == 1<<(16-postBits) { // all marks are older than the first turn again
		clear(f.groups)
		clear(f.clauses)
		clear(f.rules)
		f.turn = 1
	}
	f.shelf.pool.Put(f)
}

// addOnce adds groups that are found at most once for a fact.
func (f *Found) addOnce(groups []int32, of span) {
	for _, g := range groups[of.from:of.to] {
		f.met(g)
	}
}

// add adds a group that may be found many times, as a word that is repeated.
func (f *Found) add(group int32) {
	if f.groups[group] == f.turn {
		return
	}
	f.groups[group] = f.turn
	f.met(group)
}

// met notes that the test of a group is met.
func (f *Found) met(group int32) {
	of := f.shelf.groups[group]
	for _, p := range f.shelf.posts[of.from:of.to] {
		c, bits := p>>postBits, uint16(p&both)
		before := f.clauses[c]
		if before>>postBits != f.turn {
			before = f.turn << postBits
		}
		now := before | bits
		f.clauses[c] = now
		if now&both != both || now == before {
			continue
		}
		if r := f.shelf.rules[c]; f.rules[r] != f.turn {
			f.rules[r] = f.turn
			f.Rules = append(f.Rules, r)
		}
	}
}

// lower folds a text into a buffer of the answer's own.
func (f *Found) lower(text string) []byte {
	f.buf = append(f.buf[:0], text...)
	for i, c := range f.buf {
		f.buf[i] = lower(c)
	}
	return f.buf
}

// shelfBuilder gathers the rules of one kind.
type shelfBuilder struct {
	frequency *frequency
	columns   map[string]*columnBuilder
	known     map[testKey]int32
	groups    [][]int32
	rules     []int32
	always    []int32
}

func newShelfBuilder(f *frequency) *shelfBuilder {
	return &shelfBuilder{frequency: f, columns: map[string]*columnBuilder{}, known: map[testKey]int32{}}
}

// put adds a rule and says how it is looked up.
func (b *shelfBuilder) put(n int32, need *rule.Need) plan {
	p := b.plan(need)
	if p.why != "" {
		b.always = append(b.always, n)
		return p
	}
	for _, c := range p.clauses {
		at := int32(len(b.rules))
		b.rules = append(b.rules, n)
		if len(c.also) == 0 {
			b.post(at, both, c.tests)
			continue
		}
		b.post(at, first, c.tests)
		b.post(at, second, c.also)
	}
	return p
}

func (b *shelfBuilder) post(clause, bits int32, tests []*rule.Atom) {
	for _, t := range tests {
		group := b.group(t)
		b.groups[group] = append(b.groups[group], clause<<postBits|bits)
	}
}

// testKey tells tests apart. The values of a long list are told by where they
// are, which all rules that name the list have in common.
type testKey struct {
	subject string
	kind    rule.TestKind
	fold    bool
	longest int
	values  string
	list    *string
	n       int
}

const shortList = 64

func keyOf(t *rule.Atom) testKey {
	k := testKey{subject: t.Subject.Name, kind: t.Kind, fold: t.Fold, longest: t.Longest, n: len(t.Values)}
	if len(t.Values) > shortList {
		k.list = &t.Values[0]
		return k
	}
	k.values = joined(t)
	return k
}

// group is the number of the rules that have the test in common.
func (b *shelfBuilder) group(t *rule.Atom) int32 {
	k := keyOf(t)
	if g, ok := b.known[k]; ok {
		return g
	}
	g := int32(len(b.groups))
	b.known[k], b.groups = g, append(b.groups, nil)
	c := b.columns[t.Subject.Name]
	if c == nil {
		c = &columnBuilder{column: column{subject: t.Subject}}
		b.columns[t.Subject.Name] = c
	}
	c.put(t, g)
	return g
}

func (b *shelfBuilder) build(rules int) *shelf {
	s := &shelf{rules: b.rules, always: b.always}
	for _, posted := range b.groups {
		from := int32(len(s.posts))
		s.posts = append(s.posts, posted...)
		s.groups = append(s.groups, span{from, int32(len(s.posts))})
	}
	for _, name := range slices.Sorted(maps.Keys(b.columns)) {
		s.columns = append(s.columns, b.columns[name].build())
	}
	s.pool.New = func() any {
		return &Found{shelf: s, turn: 1, groups: make([]uint16, len(s.groups)), clauses: make([]uint16, len(s.rules)), rules: make([]uint16, rules)}
	}
	return s
}
