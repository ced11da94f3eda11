package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"picket.internal/fact"
)

// correlate holds every correlation against the rules that it names, and marks
// those that it silences.
func (l *loader) correlate() {
	for _, r := range l.rules {
		if r.Correlation == nil || r.Correlation.nodes.whole == nil {
			continue
		}
		w := &walker{src: r.document.src}
		l.correlated(w, r)
		l.findings = append(l.findings, w.findings...)
	}
	l.correlationCycles()
	for _, r := range l.rules {
		c := r.Correlation
		if c == nil {
			continue
		}
		for _, id := range c.Rules {
			// A correlation on trial silences nothing that alerts in earnest.
			if other := l.ids[id]; other != nil && !c.Generate && !other.Alone && (r.Status == StatusStable || r.Shadow() && other.Shadow()) {
				other.Silent = true
			}
		}
		c.nodes = correlationNodes{}
	}
}

func (l *loader) correlated(w *walker, r *Rule) {
	c := r.Correlation
	for i, id := range c.Rules {
		other := l.ids[id]
		switch {
		case other == nil:
			w.fail(CodeUnknownRule, at(c.nodes.rules[i]), fmt.Sprintf("there is no rule %q", id), didYouMean(id, slices.Sorted(maps.Keys(l.ids))))
		case other.Status == StatusDeprecated:
			w.warn(CodeCorrelation, at(c.nodes.rules[i]), fmt.Sprintf("the rule %s is deprecated: it matches nothing", id), "")
		}
	}
	for _, n := range c.nodes.groupBy {
		if c.Aliases[n.Value] == nil {
			l.everyRule(w, c, n)
		}
	}
	l.valueFields(w, c)
	for _, name := range slices.Sorted(maps.Keys(c.nodes.aliases)) {
		l.alias(w, c, name)
	}
}

// everyRule checks a field that each rule's matches are to have.
func (l *loader) everyRule(w *walker, c *Correlation, n *yaml.Node) {
	before := len(w.findings)
	w.field(n, nil)
	for _, id := range c.Rules {
		if other := l.ids[id]; other != nil && len(w.findings) == before {
			w.field(n, l.kindsOf(other, map[*Rule]bool{}))
		}
	}
}

// kindsOf are the kinds of the facts that a rule's matches hold, nil where they
// can be any.
func (l *loader) kindsOf(r *Rule, seen map[*Rule]bool) []fact.Kind {
	if r.Correlation == nil || seen[r] {
		return r.On
	}
	seen[r] = true
	var out []fact.Kind
	for _, id := range r.Correlation.Rules {
		other := l.ids[id]
		if other == nil {
			return nil
		}
		kinds := l.kindsOf(other, seen)
		if kinds == nil {
			return nil
		}
		out = append(out, kinds...)
	}
	return out
}

// numeric reports whether the correlation works on numbers.
func (c *Correlation) numeric() bool {
	return c.Type == ValueSum || c.Type == ValueAvg || c.Type == ValuePercentile
}

func (l *loader) valueFields(w *walker, c *Correlation) {
	for _, n := range c.nodes.fields {
		if c.Aliases[n.Value] != nil {
			continue
		}
		before := len(w.findings)
		l.everyRule(w, c, n)
		reader, ok := Field(n.Value)
		if len(w.findings) == before && ok && c.numeric() && !reader.Numeric() {
			w.fail(CodeType, at(n), fmt.Sprintf("%s needs a number, and %s is none", c.Type, n.Value), "to count different values use value_count")
		}
	}
}

// alias checks that an alias is used, covers all rules and names fields that
// their facts have.
func (l *loader) alias(w *walker, c *Correlation, name string) {
	key := c.nodes.aliases[name]
	if !slices.Contains(c.GroupBy, name) && !slices.Contains(c.Fields, name) {
		w.warn(CodeCorrelation, at(key), fmt.Sprintf("nothing reads the alias %s", name), "name it in group-by")
	}
	if _, _, taken := factSchema().pathTo(name); taken {
		w.fail(CodeCorrelation, at(key), fmt.Sprintf("the alias %s hides the field of that name", name), "give it another name")
	}
	for _, id := range slices.Sorted(maps.Keys(c.nodes.aliasFields[name])) {
		other := l.ids[id]
		switch {
		case !slices.Contains(c.Rules, id):
			w.fail(CodeCorrelation, at(c.nodes.aliasRules[name][id]), fmt.Sprintf("the alias names the rule %q, which the correlation does not read", id), didYouMean(id, c.Rules))
		case other != nil:
			l.aliasField(w, c, name, c.nodes.aliasFields[name][id], other)
		}
	}
	for _, id := range c.Rules {
		if c.Aliases[name][id] == "" {
			w.fail(CodeCorrelation, at(key), fmt.Sprintf("the alias %s names no field for the rule %s", name, id), "matches of that rule would be in no group")
		}
	}
}

func (l *loader) aliasField(w *walker, c *Correlation, name string, n *yaml.Node, other *Rule) {
	before := len(w.findings)
	w.field(n, l.kindsOf(other, map[*Rule]bool{}))
	reader, ok := Field(n.Value)
	if len(w.findings) == before && ok && slices.Contains(c.Fields, name) && c.numeric() && !reader.Numeric() {
		w.fail(CodeType, at(n), fmt.Sprintf("%s needs a number, and %s is none", c.Type, n.Value), "")
	}
}

// correlationCycles refuses correlations that read themselves by way of others.
func (l *loader) correlationCycles() {
	done := map[*Rule]bool{}
	var visit func(r *Rule, ring []*Rule)
	visit = func(r *Rule, ring []*Rule) {
		if i := slices.Index(ring, r); i >= 0 {
			var names []string
			for _, other := range append(ring[i:], r) {
				names = append(names, other.ID)
			}
			n := r.Correlation.nodes.whole
			f := r.document.src.finding(LevelError, CodeCycle, at(n), "the correlation reads itself: "+strings.Join(names, " reads "), "correlations may read others, but not in a ring")
			l.findings = append(l.findings, f)
			return
		}
		if r.Correlation == nil || done[r] {
			return
		}
		for _, id := range r.Correlation.Rules {
			if other := l.ids[id]; other != nil {
				visit(other, append(ring[:len(ring):len(ring)], r))
			}
		}
		done[r] = true
	}
	for _, r := range l.rules {
		visit(r, nil)
	}
}
