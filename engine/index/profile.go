package index

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

const (
	// maxSample is how many facts of a kind a profile keeps.
	maxSample = 128
	// maxWeight is how many bytes of text a fact in it may have: hosts decide
	// what facts hold.
	maxWeight = 8 << 10
	// trust is how many facts a guess counts for.
	trust = 8
)

// Profile is what has been seen of the facts that rules are held against: a few
// of each kind, each fact of a kind as likely as any other. The zero Profile,
// and nil, have seen nothing. It is safe for concurrent use.
type Profile struct {
	mu    sync.Mutex
	kinds map[fact.Kind]*sample
}

type sample struct {
	seen  uint64
	facts []seen
}

type seen struct {
	fact       *fact.Fact
	prevalence *fact.Prevalence
}

// Learn takes a fact into account, which must not change afterwards.
func (p *Profile) Learn(f *fact.Fact, prevalence *fact.Prevalence) {
	if f == nil || weight(reflect.ValueOf(f)) > maxWeight {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.kinds[f.Kind]
	if s == nil {
		if len(p.kinds) > len(fact.Kinds()) {
			return // kinds that nobody knows must not fill the memory
		}
		if p.kinds == nil {
			p.kinds = map[fact.Kind]*sample{}
		}
		s = &sample{}
		p.kinds[f.Kind] = s
	}
	s.seen++
	if len(s.facts) < maxSample {
		s.facts = append(s.facts, seen{f, prevalence})
	} else if at := rand.Uint64N(s.seen); at < maxSample {
		s.facts[at] = seen{f, prevalence}
	}
}

// Seen is how many facts of each kind the profile has learned from.
func (p *Profile) Seen() map[fact.Kind]uint64 {
	out := map[fact.Kind]uint64{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, s := range p.kinds {
		out[kind] = s.seen
	}
	return out
}

// weight is the text in a fact.
func weight(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Pointer:
		if !v.IsNil() {
			return weight(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += weight(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n += weight(v.Field(i))
		}
	}
	return n
}

// frequency is how often tests are met by facts of one kind.
type frequency struct {
	facts    []*rule.Vars
	subjects map[string]*values
}

// values are what a subject held in the facts, and how often.
type values struct {
	texts map[string]int
}

func (p *Profile) frequency(kind fact.Kind) *frequency {
	f := &frequency{subjects: map[string]*values{}}
	if p == nil {
		return f
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.kinds[kind]; s != nil {
		for _, one := range s.facts {
			f.facts = append(f.facts, rule.NewVars(one.fact, one.prevalence))
		}
	}
	return f
}

// of is the share of facts that meet a test: as seen, and where little was seen
// as guessed.
func (f *frequency) of(t *rule.Atom) float64 {
	met := 0
	if len(f.facts) > 0 {
		met = f.met(t)
	}
	return (float64(met) + trust*guess(t)) / float64(len(f.facts)+trust)
}

func (f *frequency) met(t *rule.Atom) (n int) {
	if !t.Subject.IsText() || t.Subject.IsList() || t.Kind == rule.TestPresent {
		need := rule.Need{Op: rule.NeedTest, Test: t}
		for _, v := range f.facts {
			if need.Holds(v) {
				n++
			}
		}
		return n
	}
	texts := f.texts(t.Subject)
	if t.Kind == rule.TestEquals && !t.Fold && len(t.Values) < len(texts) {
		for _, v := range t.Values {
			n += texts[v]
		}
		return n
	}
	for text, times := range texts {
		if t.MeetsText(text) {
			n += times
		}
	}
	return n
}

// texts are what the facts hold in a subject.
func (f *frequency) texts(s *rule.Subject) map[string]int {
	v := f.subjects[s.Name]
	if v == nil {
		v = &values{texts: map[string]int{}}
		for _, one := range f.facts {
			v.texts[s.Text(one)]++
		}
		f.subjects[s.Name] = v
	}
	return v.texts
}

// narrow are the last parts of the names of fields that hold few values.
var narrow = []string{".action", ".id", ".type", ".source", ".class", ".cause", "_kind", "_status", ".verdict"}

// guess is the share of facts that meet a test, by the looks of it.
func guess(t *rule.Atom) float64 {
	switch t.Kind {
	case rule.TestPresent:
		return 0.5
	case rule.TestNumber:
		if isBool := len(t.Numbers) == 1 && t.Numbers[0] < 2; isBool {
			return 0.2
		}
		return math.Min(1, 0.02*float64(len(t.Numbers)))
	}
	sum := 0.0
	for _, v := range t.Values {
		sum += guessText(t, v)
	}
	return math.Min(1, sum)
}

func guessText(t *rule.Atom, value string) float64 {
	n := float64(len(value))
	switch t.Kind {
	case rule.TestPrefix:
		return 0.6 * math.Pow(0.8, n)
	case rule.TestSuffix:
		return 0.6 * math.Pow(0.7, n)
	case rule.TestContains:
		return 0.8 * math.Pow(0.75, n)
	}
	if value == "" {
		return 0.5
	}
	for _, end := range narrow {
		if strings.HasSuffix(t.Subject.Name, end) && n < 16 {
			return 0.2
		}
	}
	return 0.02 * math.Pow(0.8, n)
}
