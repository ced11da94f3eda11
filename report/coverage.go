package report

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"picket.internal/engine/rule"
)

// Technique is a technique of ATT&CK with the rules that look for it.
type Technique struct {
	ID    string         `json:"technique"` // as in T1059.004
	Rules []CoveringRule `json:"rules"`
	// Tested is true where a rule among them is shown to fire.
	Tested bool `json:"tested"`
	// Blind is true where hosts were asked and none provides what any of the
	// rules needs.
	Blind bool `json:"blind"`
	// Hosts are those that provide what one of the rules needs; nil where
	// nobody was asked. Host-made text.
	Hosts []string `json:"hosts"`
}

// CoveringRule is one rule with what it needs.
type CoveringRule struct {
	ID     string `json:"rule"`
	Status string `json:"status"`
	// Tested is true where a test that passes shows that it fires.
	Tested bool `json:"tested"`
	// Kinds are the kinds of facts that it is about, Fields what it reads of them.
	Kinds  []string `json:"kinds"`
	Fields []string `json:"fields"`
	// Hosts provide facts of one of these kinds; nil where nobody was asked.
	Hosts []string `json:"hosts"`
	// Blind is true where hosts were asked and none does.
	Blind bool `json:"blind"`
}

// HostKinds are a host and the kinds of facts that it provides.
type HostKinds struct {
	Name  string
	Kinds []string
}

var techniqueTag = regexp.MustCompile(`^attack\.(t\d{4}(?:\.\d{3})?)$`)

// Untagged stands for the technique of rules that name none.
const Untagged = "none"

// Techniques sorts the rules of a set by the techniques that their tags name.
// Rules that are deprecated see no facts and are left out. hosts is nil where
// nobody was asked.
func Techniques(set *rule.Set, results []rule.TestResult, hosts []HostKinds) []Technique {
	tested := map[string]bool{}
	for _, res := range results {
		if res.Passed && res.Want > 0 {
			tested[res.Rule] = true
		}
	}
	byID := map[string]*Technique{}
	for _, r := range set.Rules() {
		if r.Status == rule.StatusDeprecated {
			continue
		}
		c := covering(r, tested[r.ID], hosts)
		for _, id := range techniquesOf(r) {
			if byID[id] == nil {
				byID[id] = &Technique{ID: id, Blind: hosts != nil}
			}
			byID[id].add(c)
		}
	}
	var out []Technique
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		out = append(out, *byID[id])
	}
	return out
}

func techniquesOf(r *rule.Rule) []string {
	var ids []string
	for _, tag := range r.Tags {
		if m := techniqueTag.FindStringSubmatch(tag); m != nil {
			ids = append(ids, strings.ToUpper(m[1]))
		}
	}
	if len(ids) == 0 {
		return []string{Untagged}
	}
	return ids
}

func covering(r *rule.Rule, tested bool, hosts []HostKinds) CoveringRule {
	c := CoveringRule{ID: r.ID, Status: string(r.Status), Tested: tested, Fields: r.Reads(), Kinds: []string{}}
	for _, k := range r.On {
		c.Kinds = append(c.Kinds, string(k))
	}
	if hosts == nil {
		return c
	}
	c.Hosts = []string{}
	for _, h := range hosts {
		if slices.ContainsFunc(c.Kinds, func(k string) bool { return slices.Contains(h.Kinds, k) }) {
			c.Hosts = append(c.Hosts, h.Name)
		}
	}
	c.Blind = len(c.Hosts) == 0
	return c
}

func (t *Technique) add(c CoveringRule) {
	t.Rules = append(t.Rules, c)
	t.Tested = t.Tested || c.Tested
	t.Blind = t.Blind && c.Blind
	if c.Hosts != nil {
		all := append(slices.Clone(t.Hosts), c.Hosts...)
		slices.Sort(all)
		t.Hosts = append([]string{}, slices.Compact(all)...)
	}
}
