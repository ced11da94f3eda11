package index

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"picket.internal/engine/rule"
)

// plan is how a rule is looked up: a fact that meets none of the tests cannot
// meet the rule. why says why there is no plan.
type plan struct {
	tests []*rule.Atom
	share float64 // of the facts of the kind that meet one of the tests, as expected
	why   string
	// also are tests of which a fact must meet one too.
	also []*rule.Atom
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
		var all plan
		for _, part := range n.Parts {
			p := b.plan(part)
			if p.why != "" {
				return plan{why: p.why}
			}
			all.tests = append(all.tests, p.tests...)
			all.share = min(1, all.share+p.share)
		}
		return all
	}
	if text := n.Why(); text != "" {
		return plan{why: fmt.Sprintf("%s is nothing that can be looked up", text)}
	}
	return plan{why: "there is no condition"}
}

// askCost is what it costs to ask a rule that was found, where to find it costs
// one.
const askCost = 30

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
	best.also = nil
	if len(plans) > 1 {
		if next := plans[1]; best.share*(1-next.share)*askCost > next.share {
			best.also = next.tests
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
	case t.Kind == rule.TestPattern:
		return plan{why: fmt.Sprintf("%s, which requires no text", t)}
	case t.Kind != rule.TestEquals && t.Kind != rule.TestNumber && slices.Contains(t.Values, ""):
		return plan{why: fmt.Sprintf("%s, as every text does", t)}
	}
	return plan{tests: []*rule.Atom{t}, share: b.frequency.of(t)}
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
