package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// An automaton finds what a plain search finds, at any number of literals that
// are beginnings, ends and parts of one another.
func TestAutomatonFindsWhatASearchFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	text := func(n int) string {
		var b strings.Builder
		for range 1 + r.IntN(n) {
			b.WriteString([]string{"a", "A", "b", "B", "ab", "/", "é", "\xff", "Z", "[", "\x00"}[r.IntN(11)])
		}
		return b.String()
	}
	for round := range 200 {
		var lits []literal
		for i := range 1 + r.IntN(60) {
			l := literal{text: text(5), fold: r.IntN(2) == 0, group: int32(i)}
			if l.fold {
				l.text = keyText(l.text, false)
			}
			lits = append(lits, l)
		}
		begins, ends, parts := newAutomaton(lits, false, false), newAutomaton(lits, true, false), newAutomaton(lits, false, true)
		for range 50 {
			s := text(12)
			for name, c := range map[string]struct {
				find func(*Found)
				is   func(s, l string) bool
			}{
				"begins":   {func(f *Found) { begins.atEdge(s, f) }, strings.HasPrefix},
				"ends":     {func(f *Found) { ends.atEdge(s, f) }, strings.HasSuffix},
				"contains": {func(f *Found) { parts.contained(s, f) }, strings.Contains},
			} {
				var want []int32
				for _, l := range lits {
					if c.is(s, l.text) || l.fold && c.is(keyText(s, false), l.text) {
						want = append(want, l.group)
					}
				}
				if got := foundIn(len(lits), c.find); !slices.Equal(got, want) {
					t.Fatalf("round %d: %q %s: %v, wanted %v of %+v", round, s, name, got, want, lits)
				}
			}
		}
	}
}

// foundIn are the groups that a search finds: each group is a clause, each
// clause a rule.
func foundIn(n int, find func(*Found)) []int32 {
	s := &shelf{}
	for i := range n {
		s.posts, s.groups = append(s.posts, int32(i)), append(s.groups, span{int32(i), int32(i) + 1})
		s.clauses = append(s.clauses, posted{rule: int32(i)})
	}
	f := &Found{shelf: s, turn: 1, groups: make([]uint16, n), rules: make([]uint16, n)}
	find(f)
	f.gather()
	slices.Sort(f.Rules)
	return f.Rules
}

// After as many facts as marks can count, an earlier fact's marks must not be
// taken for this one's.
func TestMarksStartAnew(t *testing.T) {
	s := &shelf{groups: []span{{0, 1}}, posts: []int32{0}, clauses: []posted{{}}}
	f := &Found{shelf: s, turn: 1<<16 - 1, groups: make([]uint16, 1), rules: make([]uint16, 1)}
	for round := range 3 {
		f.add(0)
		f.gather()
		if !slices.Equal(f.Rules, []int32{0}) {
			t.Fatalf("round %d: %v", round, f.Rules)
		}
		f.Release()
	}
}

// A large automaton is built in time, and its cells are mostly taken.
func TestLargeAutomatonIsCompact(t *testing.T) {
	var lits []literal
	for i := range 20_000 {
		lits = append(lits, literal{text: fmt.Sprintf("/usr/lib/%x/tool%d", i*7919%1000, i), group: int32(i)})
	}
	a := newAutomaton(lits, false, true)
	taken := 0
	for _, c := range a.cells {
		if c.check != free {
			taken++
		}
	}
	if taken < len(a.cells)*3/4 {
		t.Errorf("%d of %d cells are taken", taken, len(a.cells))
	}
}
