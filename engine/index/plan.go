package index

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"picket.internal/engine/rule"
)

// plan is how a rule is looked up: a fact that meets none of the clauses cannot
// meet the rule. why says why there is no plan.
type plan struct {
	clauses []clause
	share   float64 // of the facts of the kind that meet the first tests of a clause, as expected
	why     string
}

// clause is met by a fact that meets one of the tests and, where there are any,
// one of also.
type clause struct {
	tests, also []*rule.Atom
	share       float64 // of the facts that meet one of the tests
}

// cover is one of the first tests of each clause.
func (p plan) cover() (out []*rule.Atom) {
	for _, c := range p.clauses {
		out = append(out, c.tests...)
	}
	return out
}

// plan picks of what must hold together the part that the fewest facts meet,
// and takes all of what may hold in turn.
func (b *shelfBuilder) plan(n *rule.Need) plan {
	switch n.Op {
	case rule.NeedTest:
		return b.test(n)
	case rule.NeedAll:
		return b.all(n)
	case rule.NeedAny:
		return b.any(n)
	case rule.NeedItem:
		if n.Not {
			return plan{why: n.Why() + " is for all items of a list to decide, and they cannot be looked up"}
		}
		return b.plan(n.Parts[0]) // where one item meets all, some item meets each part
	}
	if text := n.Why(); text != "" {
		return plan{why: fmt.Sprintf("%s is nothing that can be looked up", text)}
	}
	return plan{why: "there is no condition"}
}

// any takes the clauses of all parts; those that are single tests are one.
func (b *shelfBuilder) any(n *rule.Need) plan {
	var out plan
	var plain clause
	for _, part := range n.Parts {
		p := b.plan(part)
		if p.why != "" {
			return plan{why: p.why}
		}
		out.share = min(1, out.share+p.share)
		for _, c := range p.clauses {
			if len(c.also) > 0 {
				out.clauses = append(out.clauses, c)
				continue
			}
			plain.tests, plain.share = append(plain.tests, c.tests...), min(1, plain.share+c.share)
		}
	}
	if len(plain.tests) > 0 {
		out.clauses = append(out.clauses, plain)
	}
	return out
}

// askCost is what it costs to ask a rule that was found, where to find it costs
// one.
const askCost = 100

// all plans what must hold together: the part that the fewest facts meet, and
// another if to look that up too costs less than to ask the rule in vain.
func (b *shelfBuilder) all(n *rule.Need) plan {
	var plans []plan
	why := ""
	for _, part := range conjuncts(n, nil) {
		p := b.plan(part)
		if p.why == "" {
			plans = append(plans, p)
		} else if why == "" {
			why = p.why
		}
	}
	if len(plans) == 0 {
		return plan{why: why}
	}
	slices.SortStableFunc(plans, func(x, y plan) int { return cmp.Compare(x.share, y.share) })
	best := plans[0]
	if len(plans) > 1 {
		next := plans[1]
		for i := range best.clauses {
			c := &best.clauses[i]
			if len(c.also) == 0 && c.share*(1-next.share)*askCost > next.share {
				c.also = next.cover()
			}
		}
	}
	return best
}

func conjuncts(n *rule.Need, to []*rule.Need) []*rule.Need {
	if n.Op != rule.NeedAll {
		return append(to, n)
	}
	for _, part := range n.Parts {
		to = conjuncts(part, to)
	}
	return to
}

// test is the plan of a single test.
func (b *shelfBuilder) test(n *rule.Need) plan {
	t := n.Test
	switch {
	case n.Not:
		return plan{why: fmt.Sprintf("not %s: nearly every fact is otherwise", t)}
	case t.Subject.MayFail():
		return plan{why: fmt.Sprintf("%s, which is an error where there is no such item", t)}
	case t.Kind == rule.TestAtLeast:
		return plan{why: fmt.Sprintf("%s: only single numbers can be looked up", t)}
	case t.Kind == rule.TestPattern:
		return plan{why: fmt.Sprintf("%s, which requires no text", t)}
	case t.Kind != rule.TestEquals && t.Kind != rule.TestNumber && slices.Contains(t.Values, ""):
		return plan{why: fmt.Sprintf("%s, as every text does", t)}
	}
	share := b.frequency.of(t)
	return plan{clauses: []clause{{tests: []*rule.Atom{t}, share: share}}, share: share}
}

// joined are a test's literals as one text.
func joined(t *rule.Atom) string {
	var b strings.Builder
	for _, v := range t.Values {
		fmt.Fprintf(&b, "%d:%s", len(v), v)
	}
	for _, n := range t.Numbers {
		fmt.Fprintf(&b, "#%d", n)
	}
	return b.String()
}
