package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a condition.
const (
	maxCondition = 8 << 10
	maxNesting   = 40
	maxTree      = 4000 // tests, and what joins them
)

// searches are a detection's search identifiers, in the order of the document.
type searches []*node

func (s searches) find(name string) *node {
	if i := slices.IndexFunc(s, func(n *node) bool { return n.name == name }); i >= 0 {
		return s[i]
	}
	return nil
}

// condition reads one condition over the searches.
func (s searches) condition(text string) (*node, error) {
	if len(text) > maxCondition {
		return nil, fmt.Errorf("condition: longer than %d bytes", maxCondition)
	}
	p := &parser{searches: s, words: words(text)}
	n, err := p.or(1)
	if err == nil && len(p.words) > 0 {
		err = p.surprise()
	}
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	if n.size() > maxTree {
		return nil, fmt.Errorf("condition: it comes to more than %d tests", maxTree)
	}
	return n, nil
}

// words splits a condition at blanks and around brackets and bars.
func words(text string) []string {
	for _, mark := range []string{"(", ")", "|"} {
		text = strings.ReplaceAll(text, mark, " "+mark+" ")
	}
	return strings.Fields(text)
}

type parser struct {
	searches searches
	words    []string
}

func (p *parser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

func (p *parser) next() string {
	word := p.peek()
	p.words = p.words[min(1, len(p.words)):]
	return word
}

// is tells whether the next word is a keyword, and takes it.
func (p *parser) is(keyword string) bool {
	if !strings.EqualFold(p.peek(), keyword) {
		return false
	}
	p.next()
	return true
}

func (p *parser) surprise() error {
	switch word := p.peek(); word {
	case "":
		return errors.New("it ends too early")
	case "|":
		return errors.New("aggregations behind | (count, min, max, avg, sum, near) are of the old Sigma; write a correlation")
	default:
		return fmt.Errorf("%q is not expected there", word)
	}
}

func (p *parser) or(depth int) (*node, error)  { return p.chain(depth, opOr, "or", p.and) }
func (p *parser) and(depth int) (*node, error) { return p.chain(depth, opAnd, "and", p.not) }

func (p *parser) chain(depth int, o op, keyword string, operand func(int) (*node, error)) (*node, error) {
	var parts []*node
	for {
		n, err := operand(depth)
		if err != nil {
			return nil, err
		}
		if parts = append(parts, n); !p.is(keyword) {
			return join(o, parts), nil
		}
	}
}

func (p *parser) not(depth int) (*node, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("nested deeper than %d", maxNesting)
	}
	if p.is("not") {
		n, err := p.not(depth + 1)
		if err != nil {
			return nil, err
		}
		return not(n), nil
	}
	if p.is("(") {
		n, err := p.or(depth + 1)
		if err == nil && !p.is(")") {
			err = p.surprise()
		}
		return n, err
	}
	return p.term()
}

// term is a search identifier, or a quantity of them.
func (p *parser) term() (*node, error) {
	word := p.peek()
	if len(p.words) > 1 && strings.EqualFold(p.words[1], "of") {
		o, ok := map[string]op{"1": opOr, "any": opOr, "all": opAnd}[strings.ToLower(word)]
		if !ok {
			return nil, fmt.Errorf("%q of is not in Sigma; it knows 1 of and all of", word)
		}
		p.words = p.words[2:]
		return p.several(o)
	}
	n := p.searches.find(word)
	switch {
	case n != nil:
		p.next()
		return n, nil
	case word == "" || strings.ContainsAny(word, "()|"):
		return nil, p.surprise()
	}
	return nil, fmt.Errorf("there is no search identifier %q", word)
}

// several joins the searches whose names fit; them are all whose names do not
// begin with an underscore.
func (p *parser) several(o op) (*node, error) {
	wanted := p.next()
	if wanted == "" || strings.ContainsAny(wanted, "()|") {
		return nil, errors.New("of is followed by a name")
	}
	var nodes []*node
	for _, n := range p.searches {
		if wanted == "them" && !strings.HasPrefix(n.name, "_") || wanted != "them" && fitsName(wanted, n.name) {
			nodes = append(nodes, n)
		}
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("no search identifier fits %q", wanted)
	}
	return join(o, nodes), nil
}

// fitsName matches names by the one wildcard that they know.
func fitsName(wanted, name string) bool {
	var p pattern
	for i, part := range strings.Split(wanted, "*") {
		if i > 0 {
			p = p.add(token{kind: anyRun})
		}
		if part != "" {
			p = p.add(token{literal, part})
		}
	}
	return p.fits(name, cased)
}
