package rule

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// Types of a Correlation, in Sigma's words.
const (
	EventCount      = "event_count"
	ValueCount      = "value_count"
	Temporal        = "temporal"
	TemporalOrdered = "temporal_ordered"
	ValueSum        = "value_sum"
	ValueAvg        = "value_avg"
	ValuePercentile = "value_percentile"
)

var correlationTypes = []string{EventCount, ValueCount, Temporal, TemporalOrdered, ValueSum, ValueAvg, ValuePercentile}

// Correlation decides over the matches of several rules, with Sigma's
// semantics. Package window keeps its state.
type Correlation struct {
	Type      string
	Rules     []string // ids of rules, or of other correlations, of the set
	GroupBy   []string // fields or aliases; none: there is one group
	Timespan  time.Duration
	Lateness  time.Duration // how late an event may come, by event time
	Condition Condition     // none for temporal_ordered; for temporal it defaults to all rules
	// Aliases name, for a key of GroupBy, the field that holds it in each rule.
	Aliases   map[string]map[string]string
	Generate  bool // the rules that it reads alert by themselves, too
	MaxGroups int
	// Fields are what the value_ types read: one, or a tuple for value_count.
	Fields     []string
	Percentile float64 // of value_percentile, above 0 and below 100

	nodes correlationNodes
}

// Reads is the field that holds the key of GroupBy in matches of a rule.
func (c *Correlation) Reads(key, rule string) string {
	if alias, ok := c.Aliases[key]; ok {
		return alias[rule]
	}
	return key
}

// Condition holds where all its bounds do.
type Condition []Bound

// Bound is one side of a Condition. Op is gt, gte, lt, lte, eq or neq.
type Bound struct {
	Op    string
	Value float64
}

// Holds reports whether a value lies within the bound.
func (b Bound) Holds(v float64) bool {
	switch b.Op {
	case "gt":
		return v > b.Value
	case "gte":
		return v >= b.Value
	case "lt":
		return v < b.Value
	case "lte":
		return v <= b.Value
	case "eq":
		return v == b.Value
	default:
		return v != b.Value
	}
}

// Holds reports whether a value lies within all bounds.
func (c Condition) Holds(v float64) bool {
	for _, b := range c {
		if !b.Holds(v) {
			return false
		}
	}
	return true
}

// NewTerms makes a rule fire where, among the facts that meet its condition,
// the tuple of Fields was not seen in its group for Within.
type NewTerms struct {
	Fields  []string
	GroupBy []string
	Within  time.Duration
	Learn   time.Duration // how old a group must be before anything in it fires

	fields, groupBy []*yaml.Node
}

// Absence makes a rule fire once for a group in which no fact met its condition
// for Within, counted from the last that did.
type Absence struct {
	GroupBy []string
	Within  time.Duration

	groupBy []*yaml.Node
}

// Risk makes a rule fire where the sum of the scores of a host's or a user's
// alerts, each halved every HalfLife, crosses AtLeast from below.
type Risk struct {
	Of       string // "host" or "user"
	AtLeast  float64
	HalfLife time.Duration
}

// Source says where a rule came from. It travels into every alert.
type Source struct {
	Name    string `json:"name"`
	URL     string `json:"url,omitempty"`
	Licence string `json:"licence,omitempty"`
}

// Pack is a folder with a pack.yaml: what stands in it, nested packs aside.
type Pack struct {
	Name        string
	Version     string
	Engine      int // the least EngineVersion that reads the pack; 0 where it states none
	Description string
	Author      string
	Licence     string
	File        string
	Line        int
}

// Window is what a stateful rule's message, score and exceptions may read
// beside the last fact, as window.count and so on.
type Window struct {
	Count int64     `json:"count"` // events in the window
	Value float64   `json:"value"` // what the condition was held against
	Since time.Time `json:"since"` // the first event's time
	Rules []string  `json:"rules"` // ids of the rules that matched
	Group []string  `json:"group"` // the values of group-by, in its order
}

// FieldReader reads one field of a fact as a key or a number.
type FieldReader struct {
	path fieldPath
	form form
}

// Field finds a field with a single value by its dotted name.
func Field(name string) (FieldReader, bool) {
	p, f, ok := factSchema().pathTo(name)
	if !ok || !f.single() {
		return FieldReader{}, false
	}
	return FieldReader{p, f.form}, true
}

// Text is the field's value as people read it; "" where it is absent.
func (r FieldReader) Text(v *Vars) string {
	if !r.path.has(v) {
		return ""
	}
	return plainText(r.path.read(v))
}

// Number is the field's value, false where it is absent or no number.
func (r FieldReader) Number(v *Vars) (float64, bool) {
	if !r.Numeric() || !r.path.has(v) {
		return 0, false
	}
	return numberOf(r.path.read(v))
}

// Numeric reports whether the field holds numbers.
func (r FieldReader) Numeric() bool {
	return r.form == formInt || r.form == formUint || r.form == formDouble
}

// Has reports whether the fact has the field.
func (r FieldReader) Has(v *Vars) bool { return r.path.has(v) }
