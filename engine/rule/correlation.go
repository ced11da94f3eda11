package rule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds and defaults of correlations.
const (
	maxCorrelated   = 100 // rules of one correlation
	defaultGroups   = 10_000
	mostGroups      = 1_000_000
	defaultLateness = time.Minute
	maxBound        = 1e15
)

// correlationNodes are the places of what is checked once all rules are known.
type correlationNodes struct {
	whole, condition *yaml.Node
	rules, groupBy   []*yaml.Node
	fields           []*yaml.Node
	aliases          map[string]*yaml.Node            // by alias
	aliasFields      map[string]map[string]*yaml.Node // by alias and rule: the field
	aliasRules       map[string]map[string]*yaml.Node // by alias and rule: the rule
}

var correlationTable = table[Correlation]{"a correlation", []key[Correlation]{
	must(choiceKey("type", correlationTypes, func(c *Correlation) *string { return &c.Type })),
	must(namesKey("rules", 1, maxCorrelated, func(c *Correlation) *[]string { return &c.Rules }, func(c *Correlation) *[]*yaml.Node { return &c.nodes.rules })),
	namesKey("group-by", 1, maxGroupBy, func(c *Correlation) *[]string { return &c.GroupBy }, func(c *Correlation) *[]*yaml.Node { return &c.nodes.groupBy }),
	must(durationKey("timespan", time.Second, maxTimespan, func(c *Correlation) *time.Duration { return &c.Timespan })),
	own("condition", conditionTable.shape(), func(w *walker, c *Correlation, e entry) { w.condition(c, e.value) }),
	own("aliases", aliasesShape, func(w *walker, c *Correlation, e entry) { w.aliases(c, e.value) }),
	own("generate", shape{"type": "boolean"}, func(w *walker, c *Correlation, e entry) { c.Generate = w.truth(e.value, "generate") }),
	durationKey("lateness", time.Millisecond, maxTimespan, func(c *Correlation) *time.Duration { return &c.Lateness }),
	own("max_groups", shape{"type": "integer", "minimum": 1, "maximum": mostGroups}, func(w *walker, c *Correlation, e entry) {
		c.MaxGroups = w.integer(e.value, "max_groups", 1, mostGroups)
	}),
}}

// conditionDraft is the condition of a correlation as it is written: Sigma puts
// the field and the percentile there.
type conditionDraft struct {
	bounds     Condition
	fields     []string
	nodes      []*yaml.Node
	percentile float64
}

var boundOps = []string{"gt", "gte", "lt", "lte", "eq", "neq"}

var conditionTable = table[conditionDraft]{"condition", append(boundKeys(),
	own("field", shape{"anyOf": []any{textShape(maxName), listShape(textShape(maxName), 1, maxGroupBy)}}, (*walker).conditionField),
	own("percentile", numberShape(0, 100), func(w *walker, c *conditionDraft, e entry) {
		c.percentile, _ = w.number(e.value, "percentile", 0, 100)
	}),
)}

func boundKeys() []key[conditionDraft] {
	var out []key[conditionDraft]
	for _, op := range boundOps {
		out = append(out, own(op, numberShape(-maxBound, maxBound), func(w *walker, c *conditionDraft, e entry) {
			if v, ok := w.number(e.value, op, -maxBound, maxBound); ok {
				c.bounds = append(c.bounds, Bound{op, v})
			}
		}))
	}
	return out
}

func (w *walker) conditionField(c *conditionDraft, e entry) {
	if e.value.Kind == yaml.SequenceNode {
		c.fields, c.nodes = w.names(e.value, "field", 1, maxGroupBy)
		return
	}
	if s, ok := w.str(e.value, "field", maxName); ok {
		c.fields, c.nodes = []string{s}, []*yaml.Node{e.value}
	}
}

func (w *walker) condition(c *Correlation, n *yaml.Node) {
	c.nodes.condition = n
	if draft := readInto(w, conditionTable, n); draft != nil {
		c.Condition, c.Fields, c.nodes.fields, c.Percentile = draft.bounds, draft.fields, draft.nodes, draft.percentile
	}
}

var aliasesShape = shape{
	"type": "object", "propertyNames": shape{"pattern": nameForm.String()},
	"additionalProperties": shape{"type": "object", "additionalProperties": textShape(maxName)},
}

func (w *walker) aliases(c *Correlation, n *yaml.Node) {
	entries, ok := w.mapping(n, "aliases", nil)
	if !ok {
		return
	}
	c.Aliases = map[string]map[string]string{}
	c.nodes.aliases, c.nodes.aliasFields, c.nodes.aliasRules = map[string]*yaml.Node{}, map[string]map[string]*yaml.Node{}, map[string]map[string]*yaml.Node{}
	for _, e := range entries {
		name := w.formed(e.key, "alias", nameForm, nameHint)
		rules, ok := w.mapping(e.value, "the alias "+name, nil)
		if name == "" || !ok {
			continue
		}
		c.Aliases[name], c.nodes.aliases[name] = map[string]string{}, e.key
		c.nodes.aliasFields[name], c.nodes.aliasRules[name] = map[string]*yaml.Node{}, map[string]*yaml.Node{}
		for _, r := range rules {
			if field, ok := w.str(r.value, "the field of an alias", maxName); ok {
				c.Aliases[name][r.key.Value] = field
				c.nodes.aliasFields[name][r.key.Value], c.nodes.aliasRules[name][r.key.Value] = r.value, r.key
			}
		}
	}
}

// correlation reads a correlation and what it is to be by itself; the rules
// that it names are looked up when all are known.
func (w *walker) correlation(n *yaml.Node) *Correlation {
	c := &Correlation{}
	c.nodes.whole = n
	before := len(w.findings)
	if _, ok := correlationTable.read(w, n, c); !ok {
		return nil
	}
	if c.MaxGroups == 0 {
		c.MaxGroups = defaultGroups
	}
	if c.Lateness == 0 {
		c.Lateness = min(defaultLateness, c.Timespan)
	}
	if len(w.findings) > before {
		return c
	}
	if c.Lateness > c.Timespan {
		w.fail(CodeCorrelation, at(n), fmt.Sprintf("lateness %s is longer than the timespan %s", durationText(c.Lateness), durationText(c.Timespan)), "")
	}
	w.correlationValues(c)
	w.correlationBounds(c)
	return c
}

// place is where the condition stands, or should.
func (c *Correlation) conditionPlace() place {
	if c.nodes.condition != nil {
		return at(c.nodes.condition)
	}
	return at(c.nodes.whole)
}

// correlationValues holds field and percentile against the type.
func (w *walker) correlationValues(c *Correlation) {
	p := c.conditionPlace()
	ofValues := strings.HasPrefix(c.Type, "value_")
	switch {
	case ofValues && len(c.Fields) == 0:
		w.fail(CodeCorrelation, p, c.Type+" needs a field in its condition", "condition: {field: process.executable, gte: 10}")
	case !ofValues && len(c.Fields) > 0:
		w.fail(CodeCorrelation, at(c.nodes.fields[0]), c.Type+" reads no field", "leave field out, or use value_count")
	case len(c.Fields) > 1 && c.Type != ValueCount:
		w.fail(CodeCorrelation, at(c.nodes.fields[1]), c.Type+" reads one field", "")
	}
	switch ranked := c.Type == ValuePercentile; {
	case ranked && (c.Percentile <= 0 || c.Percentile >= 100):
		w.fail(CodeCorrelation, p, "value_percentile needs a percentile above 0 and below 100", "condition: {field: ..., percentile: 95, gt: 10}")
	case !ranked && c.Percentile != 0:
		w.fail(CodeCorrelation, p, c.Type+" has no percentile", "")
	}
}

// correlationBounds holds the bounds against the type and against each other.
func (w *walker) correlationBounds(c *Correlation) {
	p := c.conditionPlace()
	switch {
	case c.Type == TemporalOrdered && c.nodes.condition != nil:
		w.fail(CodeCorrelation, p, "temporal_ordered has no condition: all its rules match, in their order", "")
		return
	case c.Type == Temporal && len(c.Condition) == 0:
		c.Condition = Condition{{"gte", float64(len(c.Rules))}}
	case len(c.Condition) == 0 && c.Type != TemporalOrdered:
		w.fail(CodeCorrelation, p, c.Type+" needs a condition", "condition: {gte: 10}")
		return
	case len(c.Condition) > 2:
		w.fail(CodeCorrelation, p, "a condition has one bound, or two for a range", "")
		return
	}
	if (c.Type == Temporal || c.Type == TemporalOrdered) && len(c.Rules) < 2 {
		w.fail(CodeCorrelation, at(c.nodes.rules[0]), c.Type+" needs two rules or more", "to count matches of one rule use event_count")
		return
	}
	w.countable(c, p)
}

// countable finds conditions that every count or no count meets. Counts are
// whole and begin at one; temporal ones end at the number of rules.
func (w *walker) countable(c *Correlation, p place) {
	most := 0.0
	switch c.Type {
	case Temporal:
		most = float64(len(c.Rules))
	case EventCount, ValueCount:
	default:
		if len(c.Condition) == 2 && !meets(c.Condition, edges(c.Condition)) {
			w.fail(CodeNeverMatches, p, "no value lies within both bounds", "")
		}
		return
	}
	counts := []float64{1, 2}
	for _, v := range edges(c.Condition) {
		if v = float64(int64(v)); v >= 1 {
			counts = append(counts, v)
		}
	}
	if most > 0 {
		counts = slices.DeleteFunc(counts, func(v float64) bool { return v > most })
		counts = append(counts, most)
	}
	switch {
	case !meets(c.Condition, counts):
		w.fail(CodeNeverMatches, p, "no count meets the condition", "counts begin at 1")
	case !slices.ContainsFunc(counts, func(v float64) bool { return !c.Condition.Holds(v) }):
		w.fail(CodeConstant, p, "every count meets the condition: the correlation fires at each event", "count to 2 or more")
	}
}

func meets(c Condition, values []float64) bool { return slices.ContainsFunc(values, c.Holds) }

// edges are values at, below and above each bound: where a condition changes.
func edges(c Condition) []float64 {
	var out []float64
	for _, b := range c {
		out = append(out, b.Value-1, b.Value, b.Value+1)
	}
	if len(c) == 2 {
		out = append(out, (c[0].Value+c[1].Value)/2)
	}
	return out
}
