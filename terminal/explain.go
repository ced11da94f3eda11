package terminal

import (
	"fmt"
	"slices"
	"strings"

	"picket.internal/engine/rule"
)

// Explanation prints why a rule matched a fact or did not: a line of answer,
// the part that decided it, and the condition as a tree. file is how the rule's
// file is named to a person.
func (p *Printer) Explanation(x *rule.Explanation, file string) error {
	if p.o.JSON {
		return p.Document(x)
	}
	var b strings.Builder
	word, s := outcome(x)
	b.WriteString(p.row(cell{text: word, style: s}, cell{text: x.Rule + " on " + x.Fact, style: strong}))
	if x.Error != "" {
		b.WriteString(p.row(cell{text: x.Error, style: bad}))
	}
	if n := x.Decided; n != nil {
		b.WriteString(p.row(cell{text: "decided by", style: faint}, cell{text: n.Text}, cell{text: fmt.Sprintf("%s:%d:%d", file, n.Line, n.Column), style: faint}))
	}
	if x.Tree != nil {
		b.WriteString("\n")
		p.node(&b, x.Tree, 0)
	}
	p.excuses(&b, x)
	return p.write(b.String())
}

// outcome is what the rule says, in words.
func outcome(x *rule.Explanation) (string, style) {
	switch x.Outcome {
	case rule.OutcomeMatch:
		return "match", good
	case rule.OutcomeExcused:
		return "let pass", warning
	case rule.OutcomeError:
		return "ERROR", bad
	case rule.OutcomeKind:
		return "not asked", warning
	case rule.OutcomeNone:
		return "no condition", warning
	}
	return "no match", warning
}

var joinWords = map[string]string{
	rule.JoinAll: "all of", rule.JoinAny: "one of", rule.JoinNot: "not", rule.JoinChoose: "if, then, else",
}

var stateStyles = map[string]style{
	rule.StateTrue: good, rule.StateFalse: warning, rule.StateError: bad, rule.StateValue: plain, rule.StateSkipped: faint,
}

// stateWidth holds the longest state.
const stateWidth = len("false")

// node prints a part and those below it; > marks what decided.
func (p *Printer) node(b *strings.Builder, n *rule.Node, depth int) {
	mark, state := "", n.State
	if n.Decided {
		mark = ">"
	}
	text := n.Text
	switch {
	case n.State == rule.StateSkipped:
		state = "-"
	case n.State == rule.StateValue:
		state, text = "", n.Text+" is "+quoted(n.Value)
	case n.State == rule.StateError:
		text += ": " + n.Value
	}
	if words := joinWords[n.Join]; words != "" {
		text = words
	}
	if len(n.Each) > 0 {
		text += asked(n.Each)
	}
	st := stateStyles[n.State]
	b.WriteString(p.row(cell{text: mark, width: 1, style: st}, cell{text: state, width: stateWidth, style: st},
		cell{text: strings.Repeat("  ", depth) + text, style: textStyle(n)}))
	if n.State == rule.StateSkipped {
		return // its parts were not looked at either
	}
	for _, child := range n.Children {
		p.node(b, child, depth+1)
	}
}

func textStyle(n *rule.Node) style {
	switch n.State {
	case rule.StateError:
		return bad
	case rule.StateSkipped:
		return faint
	}
	return plain
}

// quoted keeps an empty value from looking like none.
func quoted(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

// asked says how the elements of a list answered.
func asked(answers []bool) string {
	yes := 0
	for _, a := range answers {
		if a {
			yes++
		}
	}
	text := fmt.Sprintf("  (true for %d of %d asked", yes, len(answers))
	if first := slices.Index(answers, true); first >= 0 {
		text += fmt.Sprintf(", first for element %d", first)
	}
	return text + ")"
}

func (p *Printer) excuses(b *strings.Builder, x *rule.Explanation) {
	if len(x.Excuses) > 0 {
		b.WriteString("\n")
	}
	for _, e := range x.Excuses {
		mark, word, s := "", "does not hold", plain
		switch {
		case e.Held:
			mark, word, s = ">", "lets it pass", warning
		case e.Error != "":
			word, s = "failed: "+e.Error, bad
		case e.Expired:
			word, s = "has expired", faint
		}
		by := "owner " + e.Owner
		if e.Reason != "" {
			by += ", " + e.Reason
		}
		b.WriteString(p.row(cell{text: mark, width: 1, style: s}, cell{text: e.Kind + " " + e.Name}, cell{text: word, style: s}, cell{text: by, style: faint}))
		b.WriteString(p.row(cell{text: "     " + strings.Join(strings.Fields(e.Where), " "), style: faint}))
	}
}
