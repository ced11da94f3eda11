package rule

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"picket.internal/fact"
)

// Status says how far a rule is trusted.
type Status string

const (
	// StatusExperimental rules are evaluated, but only shadow-alert.
	StatusExperimental Status = "experimental"
	// StatusTest is for a rule that is being tried on real hosts; it only shadow-alerts.
	StatusTest Status = "test"
	// StatusStable rules alert.
	StatusStable Status = "stable"
	// StatusDeprecated rules are checked and tested, but not shown any host's facts.
	StatusDeprecated Status = "deprecated"
)

var statuses = []string{string(StatusExperimental), string(StatusTest), string(StatusStable), string(StatusDeprecated)}

// Severities, from the least to the most.
const (
	Info     = "info"
	Low      = "low"
	Medium   = "medium"
	High     = "high"
	Critical = "critical"
)

var severities = []string{Info, Low, Medium, High, Critical}

// scores are the scores of rules that state none.
var scores = map[string]float64{Info: 5, Low: 20, Medium: 45, High: 70, Critical: 90}

// Rule is one rule document, checked and compiled. It is immutable and safe
// for concurrent use.
type Rule struct {
	ID             string
	Title          string
	Status         Status
	Severity       string
	Score          float64 // 0 to 100; where ScoreWhere is set, what counts if that fails
	ScoreWhere     string  // the score as an expression, as written; see ScoreOf
	Description    string
	Author         string
	References     []string
	Tags           []string
	On             []fact.Kind
	Where          string // the condition, as written
	Message        string // the message template, as written; the title where there is none
	Suppress       *Suppress
	FalsePositives []string
	Related        []Related
	Response       []string // names of response policies
	Tests          []TestCase
	Exceptions     []Exception
	Filters        []*Filter // those of the set that select the rule, by name
	Source         *Source
	// Alone lets the rule alert although a correlation that reads it would
	// silence it.
	Alone bool
	// Silent is true for a rule that some correlation reads without generate:
	// its matches are counted and handed to the correlation, and raise no alert
	// of their own.
	Silent bool
	// At most one of these is set; without any the rule decides fact by fact.
	Correlation *Correlation
	NewTerms    *NewTerms
	Absence     *Absence
	Risk        *Risk
	// Pack is the pack that the rule stands in, nil where it is in none.
	Pack *Pack

	// Version is the digest of everything that decides when the rule alerts and
	// what the alert says, lists included; 12 hexadecimal digits.
	Version string
	// File and Line are where the document stands.
	File string
	Line int
	// Cost is the most that the condition can cost by cel-go's estimate.
	Cost uint64

	when     *program
	late     late  // when, where it is planned only once it is asked
	need     *Need // of the condition
	message  *template
	by       []fieldPath
	score    *guard
	explain  *explainer
	document *document
}

// Suppress says which alerts of a rule are duplicates of one another.
type Suppress struct {
	By  []string // the fields that duplicates have in common, beside the host
	For time.Duration
}

// Related names another rule that this one has to do with.
type Related struct{ ID, Type string }

// document is what is left of the YAML after the first pass: what compiling
// needs, and where it stands.
type document struct {
	src      *source
	where    *yaml.Node
	score    *yaml.Node
	message  *yaml.Node
	by       []*yaml.Node
	on       *yaml.Node
	tests    *yaml.Node
	broken   bool // the first pass made errors
	lists    map[string]*List
	listKeys map[string]*yaml.Node
	prefix   string // what the rule's own lists are named by in the language
	env      *cel.Env
	est      *estimator
	ast      *cel.Ast
	// again compiles the condition anew, where its checked form was let go of.
	again func() *cel.Ast
}

// checked is the checked form of the condition, nil where the rule has none.
// Most rules do without it once they are loaded: what they compare is data.
func (d *document) checked() *cel.Ast {
	if d.ast == nil && d.again != nil {
		return d.again()
	}
	return d.ast
}

// conditional reports whether the rule has a condition of its own.
func (d *document) conditional() bool { return d.ast != nil || d.again != nil }

// Evaluate reports whether the condition holds for the fact in v. The error is
// always an *EvalError: an outcome of its own, neither match nor no match.
func (r *Rule) Evaluate(v *Vars) (bool, error) {
	matched, _, err := r.EvaluateCost(v)
	return matched, err
}

// EvaluateCost is Evaluate and says what it cost, in the units of Cost: 0 where
// the full condition was not asked.
func (r *Rule) EvaluateCost(v *Vars) (matched bool, cost uint64, err error) {
	if r.need != nil {
		if told := r.need.decide(v, nil); told != unsure {
			return told == yes, 0, nil
		}
	}
	return r.full(v)
}

// EvaluateDirect is Evaluate by the full condition alone, without its form as
// data that decides most facts; tests hold the two to the same answers.
func (r *Rule) EvaluateDirect(v *Vars) (bool, error) {
	matched, _, err := r.full(v)
	return matched, err
}

func (r *Rule) full(v *Vars) (matched bool, cost uint64, err error) {
	when, err := r.whole()
	if err != nil {
		return false, 0, &EvalError{ErrEval, err.Error()}
	}
	out, details, err := when.eval(v)
	if c := details.ActualCost(); c != nil {
		cost = *c
	}
	if err != nil {
		return false, cost, err
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, cost, &EvalError{ErrEval, fmt.Sprintf("the condition gave %s, not true or false", out.Type().TypeName())}
	}
	return b, cost, nil
}

// late is a program that is made when it is first asked.
type late struct {
	once sync.Once
	prog *program
	err  error
}

// whole is the full condition as a program.
func (r *Rule) whole() (*program, error) {
	if r.when != nil {
		return r.when, nil
	}
	r.late.once.Do(func() {
		d := r.document
		r.late.prog, r.late.err = newProgram(d.env, d.checked(), d.est, false)
	})
	return r.late.prog, r.late.err
}

// Shadow reports whether the rule's alerts are only recorded.
func (r *Rule) Shadow() bool { return r.Status == StatusExperimental || r.Status == StatusTest }

// SuppressValues are the values of the suppression fields for the fact in v,
// nil where the rule suppresses nothing.
func (r *Rule) SuppressValues(v *Vars) []string {
	if r.Suppress == nil {
		return nil
	}
	values := make([]string, len(r.by))
	for i, p := range r.by {
		values[i] = plainText(p.read(v))
	}
	return values
}

// explainer is the condition once more, planned to keep the value of every
// part. It is made at the rule's first match: most rules never need it.
type explainer struct {
	once sync.Once
	ast  *cel.Ast
	prog *program
	err  error
}
