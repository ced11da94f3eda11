package rule

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

const maxExceptions = 50

// Exception lets facts pass that a rule's condition matches. The first of a
// rule that holds counts.
type Exception struct {
	Name, Owner, Reason string
	Where               string
	Expires             time.Time // the last day on which it holds; zero: no end
	Line                int

	node  *yaml.Node
	at    place
	guard *guard
}

var exceptionTable = table[Exception]{"an exception", []key[Exception]{
	must(textKey("name", 200, func(e *Exception) *string { return &e.Name })),
	must(whereKey(func(e *Exception) (*string, **yaml.Node) { return &e.Where, &e.node })),
	must(textKey("owner", 200, func(e *Exception) *string { return &e.Owner })),
	textKey("reason", maxText, func(e *Exception) *string { return &e.Reason }),
	dayKey("expires", func(e *Exception) *time.Time { return &e.Expires }),
}}

func (w *walker) exceptions(n *yaml.Node) []Exception {
	items, ok := w.sequence(n, "exceptions")
	if !ok {
		return nil
	}
	if len(items) == 0 || len(items) > maxExceptions {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("a rule has 1 to %d exceptions, or leaves the key out", maxExceptions), "")
		return nil
	}
	var out []Exception
	names := map[string]bool{}
	for _, item := range items {
		e := readInto(w, exceptionTable, item)
		if e == nil {
			continue
		}
		e.Line, e.at = item.Line, at(item)
		if names[e.Name] {
			w.fail(CodeDuplicateID, at(item), fmt.Sprintf("there is an exception %q already", e.Name), "")
		}
		names[e.Name] = true
		out = append(out, *e)
	}
	return out
}

// Holds reports whether the exception lets the fact in v pass. The error is an
// *EvalError; an exception that fails does not hold.
func (e *Exception) Holds(v *Vars, now time.Time) (bool, error) {
	if expired(e.Expires, now) {
		return false, nil
	}
	return e.guard.holds(v)
}

// expired reports whether the day is over, in UTC.
func expired(day, now time.Time) bool {
	return !day.IsZero() && !now.Before(day.AddDate(0, 0, 1))
}

// Excuse is what let a fact pass that met a rule's condition. The zero Excuse
// is none.
type Excuse struct {
	Exception *Exception
	Filter    *Filter
}

// Found reports whether anything let the fact pass.
func (x Excuse) Found() bool { return x.Exception != nil || x.Filter != nil }

// Excused asks the exceptions and then the filters of a rule whose condition
// the fact in v meets; the first that holds is the answer. One that fails does
// not hold: the first such error is returned beside the answer.
func (r *Rule) Excused(v *Vars, now time.Time) (Excuse, error) {
	var failed error
	note := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	for i := range r.Exceptions {
		held, err := r.Exceptions[i].Holds(v, now)
		if held {
			return Excuse{Exception: &r.Exceptions[i]}, failed
		}
		note(err)
	}
	for _, f := range r.Filters {
		held, err := f.Holds(v, now)
		if held {
			return Excuse{Filter: f}, failed
		}
		note(err)
	}
	return Excuse{}, failed
}
