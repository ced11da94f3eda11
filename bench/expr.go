package bench

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"picket.internal/engine/rule"
)

// exprs are one compiled program a rule, by the kinds of facts: the same choice
// by kind that Picket makes.
type exprs struct {
	byKind map[string][]exprRule
	vm     vm.VM
}

type exprRule struct {
	id      string
	program *vm.Program
}

func newExprs(rules []*rule.Rule, example document) (*exprs, error) {
	e := &exprs{byKind: map[string][]exprRule{}}
	for _, r := range rules {
		program, err := expr.Compile(exprOf(r.Need()), expr.Env(map[string]any(example)), expr.AsBool())
		if err != nil {
			return nil, fmt.Errorf("compiling %s: %w", r.ID, err)
		}
		for _, kind := range r.On {
			e.byKind[string(kind)] = append(e.byKind[string(kind)], exprRule{r.ID, program})
		}
	}
	return e, nil
}

func (e *exprs) match(doc document) (ids []string, err error) {
	for _, r := range e.byKind[doc["kind"].(string)] {
		out, err := e.vm.Run(r.program, map[string]any(doc))
		if err != nil {
			return nil, fmt.Errorf("evaluating %s: %w", r.id, err)
		}
		if out.(bool) {
			ids = append(ids, r.id)
		}
	}
	return ids, nil
}

func exprOf(n *rule.Need) string {
	parts, op := n.Parts, " || "
	switch n.Op {
	case rule.NeedTest:
		return exprTest(n)
	case rule.NeedAll:
		parts, op = essential(n), " && "
	}
	var out []string
	for _, p := range parts {
		out = append(out, exprOf(p))
	}
	return "(" + strings.Join(out, op) + ")"
}

func exprTest(n *rule.Need) string {
	t := n.Test
	subject := name(t)
	list := t.Subject.IsList() && t.Kind != rule.TestPresent
	if list {
		subject = "#"
	}
	var text string
	switch t.Kind {
	case rule.TestPresent:
		text = subject
	case rule.TestNumber:
		text = fmt.Sprintf("%s in [%s]", subject, numbers(t.Numbers))
	case rule.TestEquals:
		if text = fmt.Sprintf("%s in [%s]", subject, quoted(t.Values)); len(t.Values) == 1 {
			text = fmt.Sprintf("%s == %q", subject, t.Values[0])
		}
	case rule.TestPattern:
		text = fmt.Sprintf("%s matches %q", subject, t.Values[0])
	default:
		f := map[rule.TestKind]string{rule.TestPrefix: "startsWith", rule.TestSuffix: "endsWith", rule.TestContains: "contains"}[t.Kind]
		var any []string
		for _, v := range t.Values {
			any = append(any, fmt.Sprintf("%s %s %q", subject, f, v))
		}
		text = strings.Join(any, " || ")
	}
	if n.Not {
		text = "!(" + text + ")"
	}
	if list {
		return fmt.Sprintf("any(%s, %s)", name(t), text)
	}
	return "(" + text + ")"
}
