package bench

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"

	"picket.internal/engine/rule"
)

// cels are one program a rule, as cel-go makes them by itself: without a bound
// on their cost, over a map of the fact's fields.
type cels struct{ byKind map[string][]celRule }

type celRule struct {
	id      string
	program cel.Program
}

func newCELs(rules []*rule.Rule, example document) (*cels, error) {
	var options []cel.EnvOption
	for name, value := range example {
		t := cel.StringType
		switch value.(type) {
		case bool:
			t = cel.BoolType
		case int:
			t = cel.IntType
		case []string:
			t = cel.ListType(cel.StringType)
		}
		options = append(options, cel.Variable(name, t))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	c := &cels{byKind: map[string][]celRule{}}
	for _, r := range rules {
		ast, issues := env.Compile(celOf(r.Need()))
		if issues.Err() != nil {
			return nil, fmt.Errorf("compiling %s: %w", r.ID, issues.Err())
		}
		program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			return nil, fmt.Errorf("planning %s: %w", r.ID, err)
		}
		for _, kind := range r.On {
			c.byKind[string(kind)] = append(c.byKind[string(kind)], celRule{r.ID, program})
		}
	}
	return c, nil
}

func (c *cels) match(doc document) (ids []string, err error) {
	for _, r := range c.byKind[doc["kind"].(string)] {
		out, _, err := r.program.Eval(map[string]any(doc))
		if err != nil {
			return nil, fmt.Errorf("evaluating %s: %w", r.id, err)
		}
		if out.Value().(bool) {
			ids = append(ids, r.id)
		}
	}
	return ids, nil
}

func celOf(n *rule.Need) string {
	parts, op := n.Parts, " || "
	switch n.Op {
	case rule.NeedTest:
		return celTest(n)
	case rule.NeedAll:
		parts, op = essential(n), " && "
	}
	var out []string
	for _, p := range parts {
		out = append(out, celOf(p))
	}
	return "(" + strings.Join(out, op) + ")"
}

func celTest(n *rule.Need) string {
	t := n.Test
	subject := name(t)
	list := t.Subject.IsList() && t.Kind != rule.TestPresent
	if list {
		subject = "item"
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
		text = fmt.Sprintf("%s.matches(%q)", subject, t.Values[0])
	default:
		f := map[rule.TestKind]string{rule.TestPrefix: "startsWith", rule.TestSuffix: "endsWith", rule.TestContains: "contains"}[t.Kind]
		var any []string
		for _, v := range t.Values {
			any = append(any, fmt.Sprintf("%s.%s(%q)", subject, f, v))
		}
		text = strings.Join(any, " || ")
	}
	if n.Not {
		text = "!(" + text + ")"
	}
	if list {
		return fmt.Sprintf("%s.exists(item, %s)", name(t), text)
	}
	return "(" + text + ")"
}
