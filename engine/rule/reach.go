package rule

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// reach looks for parts of a condition that the parts before them settle. top
// is true along the operator that decides the whole condition.
func (e *expression) reach(a *ast.AST, n ast.Expr, k *known, top bool) {
	if n.Kind() != ast.CallKind {
		return
	}
	call := n.AsCall()
	switch name := call.FunctionName(); name {
	case operators.LogicalNot:
		e.reach(a, call.Args()[0], k, false)
	case operators.LogicalAnd, operators.LogicalOr:
		k = k.clone()
		for _, part := range chain(n, name) {
			if answer := k.ask(part); answer != unsettled {
				e.superfluous(a, part, name, answer, top)
				continue
			}
			e.reach(a, part, k, false)
			k.learn(part, name == operators.LogicalAnd)
		}
	case operators.Conditional:
		e.reach(a, call.Args()[0], k, false)
		for i, truth := range []bool{true, false} {
			branch := k.clone()
			branch.learn(call.Args()[0], truth)
			e.reach(a, call.Args()[i+1], branch, false)
		}
	}
}

// superfluous reports a part that is settled, even where that settles the whole
// condition: rules made by machines hold such parts. A macro says what it says wherever it is named:
// parts of one that are superfluous in one place are no fault.
func (e *expression) superfluous(a *ast.AST, part ast.Expr, operator string, is answer, top bool) {
	p := e.startOf(a, part)
	switch {
	case operator == operators.LogicalAnd && is == never && top:
		e.w.warn(CodeNeverMatches, p, "the condition never holds: this part contradicts what stands before it", "")
	case operator == operators.LogicalOr && is == always && top:
		e.w.warn(CodeConstant, p, "the condition always holds: this part is true where what stands before it is not", "")
	case e.expanded[part.ID()]:
	case is == always:
		e.w.warn(CodeUnreachable, p, "this part is always true here: what stands before it says as much", "leave it out, or look whether another value was meant")
	case operator == operators.LogicalOr:
		e.w.warn(CodeUnreachable, p, "this part adds nothing: what stands before it covers it", "leave it out, or look whether another value was meant")
	default:
		e.w.warn(CodeUnreachable, p, "this part is never true here: it contradicts what stands before it", "")
	}
}

// shadowed finds exceptions that never get to speak: the condition or an
// earlier exception leaves nothing for them; and those that leave nothing for
// the rule.
func shadowed(w *walker, r *Rule, where *cel.Ast, c canon) {
	if where == nil {
		return
	}
	base := newKnown(c)
	base.learn(where.NativeRep().Expr(), true)
	for i := range r.Exceptions {
		x := &r.Exceptions[i]
		if x.guard == nil {
			continue
		}
		p, n := x.at, x.guard.ast.NativeRep().Expr()
		switch base.ask(n) {
		case never:
			w.warn(CodeShadowed, p, fmt.Sprintf("the exception %s never holds: the rule's condition excludes it", x.Name), "remove it, or look whether another value was meant")
		case always:
			w.fail(CodeShadowed, p, fmt.Sprintf("the exception %s holds whenever the rule matches: the rule never alerts", x.Name), "narrow the exception")
		default:
			earlierShadow(w, r.Exceptions[:i], x, base, p)
		}
	}
}

func earlierShadow(w *walker, earlier []Exception, x *Exception, base *known, p place) {
	i := slices.IndexFunc(earlier, func(y Exception) bool {
		if y.guard == nil || !outlives(y.Expires, x.Expires) {
			return false
		}
		k := base.clone()
		k.learn(y.guard.ast.NativeRep().Expr(), false)
		return k.ask(x.guard.ast.NativeRep().Expr()) == never
	})
	if i >= 0 {
		w.warn(CodeShadowed, p, fmt.Sprintf("the exception %s never speaks: %s covers it", x.Name, earlier[i].Name), "remove one of them")
	}
}

// outlives reports whether something holds for at least as long as another.
func outlives(a, b time.Time) bool {
	return a.IsZero() || !b.IsZero() && !a.Before(b)
}

// duplicates finds rules that decide alike. Deprecated ones, which others took
// the place of, do not count, nor do those that only feed a correlation.
func (l *loader) duplicates(results []compiled) {
	first := map[string]*Rule{}
	for i, r := range l.rules {
		key := results[i].key
		if key == "" || r.Status == StatusDeprecated || r.Silent {
			continue
		}
		other, twice := first[key]
		if !twice {
			first[key] = r
			continue
		}
		f := r.document.src.finding(LevelWarning, CodeDuplicate, place{r.Line, 1}, fmt.Sprintf("%s has the same condition as %s: both alert", r.ID, other.ID),
			fmt.Sprintf("the other is in %s, line %d", other.File, other.Line))
		l.findings = append(l.findings, f)
	}
}

// duplicateKey is what two rules have in common that decide alike.
func (r *Rule) duplicateKey(c canon) string {
	on := joinKinds(slices.Sorted(slices.Values(r.On)))
	switch {
	case r.Correlation != nil:
		x := r.Correlation
		return fmt.Sprint(x.Type, x.Rules, x.GroupBy, x.Timespan, x.Condition, x.Aliases, x.Fields, x.Percentile)
	case r.Risk != nil:
		return fmt.Sprint("risk", *r.Risk)
	case !r.document.conditional():
		return ""
	}
	key := on + " " + c.text(r.document.checked().NativeRep().Expr())
	switch {
	case r.NewTerms != nil:
		key += fmt.Sprint("new_terms", r.NewTerms.Fields, r.NewTerms.GroupBy, r.NewTerms.Within)
	case r.Absence != nil:
		key += fmt.Sprint("absence", r.Absence.GroupBy, r.Absence.Within)
	}
	return digest([]byte(key))
}
