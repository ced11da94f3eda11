package sigma

import (
	"regexp"
	"strings"
)

// wrap is where a condition is broken into lines.
const wrap = 100

// render writes a condition as CEL: on one line where it fits, otherwise broken
// before its operators. The search identifiers are named in comments, so that a
// person can compare with the rule that it was made of.
func (n *node) render(guard string) string {
	parts := []*node{n}
	switch {
	case n.op == opAnd:
		parts = n.kids
	case n.op == opOr && guard == "":
		return n.joined("  ")
	}
	var lines []string
	if guard != "" {
		lines = append(lines, guard)
	}
	for _, p := range parts {
		if comment := p.comment(); comment != "" && (len(parts) > 1) {
			lines = append(lines, "// "+comment)
		}
		lines = append(lines, p.within(opAnd, "  "))
	}
	var b strings.Builder
	operator := ""
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\n  ")
		}
		if strings.HasPrefix(line, "// ") {
			b.WriteString(line)
			continue
		}
		b.WriteString(operator + line)
		operator = "&& "
	}
	return b.String()
}

// comment names the search identifiers of a part.
func (n *node) comment() string {
	if n.name != "" {
		if plainName.MatchString(n.name) {
			return n.name
		}
		return ""
	}
	word := map[op]string{opAnd: " and ", opOr: " or "}[n.op]
	var names []string
	for _, k := range n.kids {
		name := k.comment()
		switch {
		case name == "" || len(name) > wrap:
			return ""
		case k.op != opNot && k.name == "" && len(k.kids) > 1:
			name = "(" + name + ")"
		}
		names = append(names, name)
	}
	if n.op == opNot && len(names) == 1 {
		return "not " + names[0]
	}
	if len(names) > 4 {
		return ""
	}
	return strings.Join(names, word)
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,60}$`)

// within writes a part of a condition whose operator is outer; what follows a
// line break begins with the indent.
func (n *node) within(outer op, indent string) string {
	switch n.op {
	case opTest:
		return n.test.cel(outer == opAnd)
	case opNot:
		kid := n.kids[0]
		if kid.op == opTest {
			return kid.test.negated()
		}
		return "!(" + kid.joined(indent+"  ") + ")"
	}
	if n.op == outer {
		return n.joined(indent)
	}
	return "(" + n.joined(indent+"  ") + ")"
}

func (n *node) joined(indent string) string {
	if n.op == opTest || n.op == opNot {
		return n.within(opOr, indent)
	}
	operator := " && "
	if n.op == opOr {
		operator = " || "
		if s, ok := n.membership(); ok {
			return s
		}
	}
	var parts []string
	total := 0
	for _, k := range n.kids {
		part := k.within(n.op, indent)
		parts = append(parts, part)
		total += len(part) + len(operator)
	}
	if total+len(indent) <= wrap && !strings.Contains(strings.Join(parts, ""), "\n") {
		return strings.Join(parts, operator)
	}
	return strings.Join(parts, "\n"+indent+strings.TrimPrefix(operator, " "))
}

// membership writes a choice of exact texts or numbers as a list.
func (n *node) membership() (string, bool) {
	var items []string
	for _, k := range n.kids {
		if k.op != opTest || k.test.field != n.kids[0].test.field || k.test.field.list {
			return "", false
		}
		item, ok := k.test.equals()
		if !ok {
			return "", false
		}
		items = append(items, item)
	}
	s := n.kids[0].test.field.path + " in [" + strings.Join(items, ", ") + "]"
	return s, len(items) > 1 && len(s) <= wrap
}
