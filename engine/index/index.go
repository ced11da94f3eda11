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
	f.gather()
	f.Rules = append(f.Rules, s.always...)
	slices.Sort(f.Rules)
	return f
}

// shelf is the index of the facts of one kind.
type shelf struct {
	columns []column
	groups  []span  // the clauses that are found by a test, of posts
	posts   []int32 // clauses
	clauses []posted
	also    []int32 // groups, of the clauses
	always  []int32 // rules that are shown every fact
	pool    sync.Pool
}

// posted is a clause as it is found: its rule, and the groups one of which must
// be met too, none where nothing else must.
type posted struct {
	rule int32
	also span
}

// Found are the rules that were found for one fact.
type Found struct {
	Rules []int32

	shelf *shelf
	hits  []int32 // clauses whose first tests are met
	// A mark that is not of this turn is of an earlier fact.
	// Marks are small, to stay in the caches.
	turn   uint16
	groups []uint16
	rules  []uint16
	buf    []byte
}

// Release gives the answer back; it must not be used afterwards.
func (f *Found) Release() {
	if f == nil {
		return
	}
	f.Rules, f.hits = f.Rules[:0], f.hits[:0]
	if f.turn++; f.turn == 0 { // all marks are older than the first turn again
		clear(f.groups)
		clear(f.rules)
		f.turn = 1
	}
	f.shelf.pool.Put(f)
}

// addAll adds groups.
func (f *Found) addAll(groups []int32, of span) {
	for _, g := range groups[of.from:of.to] {
		f.add(g)
	}
}

// add adds a group, which may be found many times, as a word that is repeated.
func (f *Found) add(group int32) {
	if f.groups[group] == f.turn {
		return
	}
	f.groups[group] = f.turn
	of := f.shelf.groups[group]
	f.hits = append(f.hits, f.shelf.posts[of.from:of.to]...)
}

// gather takes the rules of those clauses whose other tests are met as well.
// They are asked about only here: most are met by nearly every fact, as that a
// process starts, and to walk all their clauses would cost more with every rule.
func (f *Found) gather() {
	for _, hit := range f.hits {
		c := &f.shelf.clauses[hit]
		if f.rules[c.rule] != f.turn && f.meets(c.also) {
			f.rules[c.rule] = f.turn
			f.Rules = append(f.Rules, c.rule)
		}
	}
}

func (f *Found) meets(also span) bool {
	for _, g := range f.shelf.also[also.from:also.to] {
		if f.groups[g] == f.turn {
			return true
		}
	}
	return also.from == also.to
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
	clauses   []posted
	also      []int32
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
		at := int32(len(b.clauses))
		for _, t := range c.tests {
			group := b.group(t)
			b.groups[group] = append(b.groups[group], at)
		}
		also := span{from: int32(len(b.also))}
		for _, t := range c.also {
			b.also = append(b.also, b.group(t))
		}
		also.to = int32(len(b.also))
		b.clauses = append(b.clauses, posted{n, also})
	}
	return p
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
	s := &shelf{clauses: b.clauses, also: b.also, always: b.always}
	for _, posted := range b.groups {
		from := int32(len(s.posts))
		s.posts = append(s.posts, posted...)
		s.groups = append(s.groups, span{from, int32(len(s.posts))})
	}
	for _, name := range slices.Sorted(maps.Keys(b.columns)) {
		s.columns = append(s.columns, b.columns[name].build())
	}
	s.pool.New = func() any {
		return &Found{shelf: s, turn: 1, groups: make([]uint16, len(s.groups)), rules: make([]uint16, rules)}
	}
	return s
}
