package rule

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/traits"

	"picket.internal/fact"
)

// What became of a part of a condition.
const (
	StateTrue    = "true"
	StateFalse   = "false"
	StateValue   = "value"   // it is no truth value
	StateError   = "error"   // it could not be computed
	StateSkipped = "skipped" // the answer was clear without it
)

// What a rule says of a fact.
const (
	OutcomeMatch   = "match"
	OutcomeNoMatch = "no_match"
	OutcomeExcused = "excused"      // the condition holds, but an exception or a filter lets the fact pass
	OutcomeError   = "error"        // neither: the condition could not be evaluated
	OutcomeKind    = "wrong_kind"   // the rule is not about facts of this kind
	OutcomeNone    = "no_condition" // the rule decides by what other rules find
)

// Node is one part of a condition with what it was for one fact.
type Node struct {
	// Text is the part as written, on one line. Rule-made text.
	Text string `json:"text"`
	// Join says how the parts below make this one, as in JoinAll; empty where
	// they are what it works with.
	Join string `json:"join,omitempty"`
	// State is true, false, value, error or skipped.
	State string `json:"state"`
	// Value is the value as people read it, or the error. Host-made text.
	Value string `json:"value,omitempty"`
	// Decided is true for the parts that made the whole what it is.
	Decided bool `json:"decided,omitempty"`
	// Line and Column are where it begins, EndLine and EndColumn where it ends,
	// both from 1, the end exclusive; in the file of the rule.
	Line      int `json:"line"`
	Column    int `json:"column"`
	EndLine   int `json:"end_line"`
	EndColumn int `json:"end_column"`
	// Each are the answers of a list macro's question, one an element that was
	// asked, in order.
	Each []bool `json:"each,omitempty"`
	// Children are the parts below it.
	Children []*Node `json:"children,omitempty"`
}

// Explanation says why a rule matched a fact, or why it did not.
type Explanation struct {
	Rule    string `json:"rule"`
	Fact    string `json:"fact,omitempty"`
	Outcome string `json:"outcome"` // as in OutcomeMatch
	Error   string `json:"error,omitempty"`
	// Decided is the first part that decided the outcome; nil where none did.
	Decided *Node `json:"decided,omitempty"`
	Tree    *Node `json:"tree,omitempty"`
	// Excuses are what the exceptions and filters said of a fact that the
	// condition matches, in the order in which they were asked.
	Excuses []ExcuseNode `json:"excuses,omitempty"`
}

// ExcuseNode is what one exception or filter said.
type ExcuseNode struct {
	Kind    string `json:"kind"` // exception or filter
	Name    string `json:"name"`
	Owner   string `json:"owner"`
	Reason  string `json:"reason,omitempty"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Held    bool   `json:"held"`
	Expired bool   `json:"expired,omitempty"` // its day is over: it was not asked
	Error   string `json:"error,omitempty"`
	// Where is its condition, as written. Rule-made text.
	Where string `json:"where"`
}

// ExplainTree evaluates the condition for the fact in v and says what each of
// its parts was, and what the rule's exceptions and filters make of it; now
// tells which of them have expired. It is for people who ask, not for every
// fact.
func (r *Rule) ExplainTree(v *Vars, now time.Time) (*Explanation, error) {
	x := &Explanation{Rule: r.ID, Fact: plainText(v.root.get(v.root.typ.index["id"]))}
	if kind := plainText(v.root.get(v.root.typ.index["kind"])); !slices.ContainsFunc(r.On, func(k fact.Kind) bool { return string(k) == kind }) {
		x.Outcome = OutcomeKind
		x.Error = fmt.Sprintf("the rule is about facts of kind %v; this one is of kind %s", r.On, kind)
		return x, nil
	}
	if !r.document.conditional() {
		x.Outcome, x.Error = OutcomeNone, "the rule has no condition of its own: its "+r.way()+" decides"
		return x, nil
	}
	tree := r.clauseTree()
	root := tree.root()
	prog, err := r.tracedProgram(tree, root, true)
	if err != nil {
		return nil, fmt.Errorf("internal error: planning %s to be explained: %w", r.ID, err)
	}
	v.trace = newTrace()
	defer func() { v.trace = nil }()
	out, details, err := prog.eval(v)
	reading := reading{details: details, trace: v.trace}
	x.Tree = reading.node(root)
	switch {
	case err != nil:
		x.Outcome, x.Error = OutcomeError, err.Error()
		x.Tree.State, x.Tree.Value = StateError, cut(err.Error(), maxValue)
	case out == types.True:
		x.Outcome = OutcomeMatch
	default:
		x.Outcome = OutcomeNoMatch
	}
	decide(x.Tree)
	x.Decided = firstDecided(x.Tree)
	if x.Outcome == OutcomeMatch {
		r.explainExcuses(x, v, now)
	}
	return x, nil
}

// explainExcuses asks as Excused does: up to the first that holds.
func (r *Rule) explainExcuses(x *Explanation, v *Vars, now time.Time) {
	ask := func(n ExcuseNode, expires time.Time, holds func(*Vars, time.Time) (bool, error)) bool {
		held, err := holds(v, now)
		if n.Held, n.Expired = held, expired(expires, now); err != nil {
			n.Error = err.Error()
		}
		x.Excuses = append(x.Excuses, n)
		if held {
			x.Outcome = OutcomeExcused
		}
		return held
	}
	for i := range r.Exceptions {
		e := &r.Exceptions[i]
		if ask(ExcuseNode{Kind: "exception", Name: e.Name, Owner: e.Owner, Reason: e.Reason, File: r.File, Line: e.Line, Where: e.Where}, e.Expires, e.Holds) {
			return
		}
	}
	for _, f := range r.Filters {
		if ask(ExcuseNode{Kind: "filter", Name: f.Name, Owner: f.Owner, Reason: f.Reason, File: f.File, Line: f.Line, Where: f.Where}, f.Expires, f.Holds) {
			return
		}
	}
}

// reading is what one evaluation left behind.
type reading struct {
	details *cel.EvalDetails
	trace   *trace
}

func (r reading) node(p *clause) *Node {
	n := &Node{Text: cut(p.text, 4*maxValue), Join: p.join, State: StateSkipped,
		Line: p.from.line, Column: p.from.column, EndLine: p.to.line, EndColumn: p.to.column}
	r.value(n, p.node)
	for _, child := range p.parts {
		n.Children = append(n.Children, r.node(child))
	}
	if p.join == JoinEach {
		question := n.Children[1]
		question.Each = r.trace.seen[p.parts[1].id]
		if len(question.Each) == 0 {
			forget(question) // values of no element, or of the last alone
		} else {
			question.Children = nil
		}
	}
	return n
}

// forget takes what is left of the last element of a list macro.
func forget(n *Node) {
	n.State, n.Value, n.Children = StateSkipped, "", nil
}

func (r reading) value(n *Node, e ast.Expr) {
	val, ok := r.details.State().Value(e.ID())
	switch {
	case e.Kind() == ast.LiteralKind:
		val, ok = e.AsLiteral(), true
	case !ok || val == nil:
		return
	}
	switch x := val.(type) {
	case types.Bool:
		n.State = StateFalse
		if x {
			n.State = StateTrue
		}
		return
	case *types.Err:
		n.State, n.Value = StateError, cut(evalError(x).Detail, maxValue)
		return
	case *types.Unknown:
		return
	case traits.Lister:
		n.Value = listValue(x)
	default:
		n.Value = cut(plainText(val), maxValue)
	}
	n.State = StateValue
}

// listValue tells where one element ends and the next begins.
func listValue(l traits.Lister) string {
	text := "["
	for it := l.Iterator(); it.HasNext() == types.True && len(text) <= maxValue; {
		if len(text) > 1 {
			text += ", "
		}
		item := it.Next()
		if s, ok := item.(types.String); ok {
			text += fmt.Sprintf("%q", cut(string(s), maxValue))
		} else {
			text += plainText(item)
		}
	}
	return cut(text+"]", maxValue)
}

// decide marks the parts that made a node what it is.
func decide(n *Node) {
	switch {
	case n.State == StateSkipped || n.State == StateValue:
		return
	case n.Join == JoinAll && n.State == StateFalse, n.Join == JoinAny && n.State == StateTrue:
		for _, child := range n.Children {
			if child.State == n.State {
				decide(child)
				return
			}
		}
	case n.Join == JoinAll || n.Join == JoinAny:
		for _, child := range n.Children {
			if child.State == n.State {
				decide(child)
			}
		}
		return
	case n.Join == JoinNot:
		decide(n.Children[0])
		return
	case n.Join == JoinChoose:
		for _, child := range n.Children {
			decide(child)
		}
		return
	}
	n.Decided = true
}

func firstDecided(n *Node) *Node {
	if n.Decided {
		return n
	}
	for _, child := range n.Children {
		if found := firstDecided(child); found != nil {
			return found
		}
	}
	return nil
}
