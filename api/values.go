package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parser takes parameters one by one and keeps the first error.
type parser struct {
	values url.Values
	known  []string
	err    error
}

func (p *parser) text(name string) string {
	p.known = append(p.known, name)
	vs := p.values[name]
	if len(vs) > 1 {
		p.fail(name, vs[1], "given twice")
	}
	if len(vs) != 1 {
		return ""
	}
	return vs[0]
}

func (p *parser) time(name string) time.Time {
	s := p.text(name)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		p.fail(name, s, "want RFC 3339, as in 2026-01-02T15:04:05Z")
		return time.Time{}
	}
	return t.UTC()
}

func (p *parser) number(name string) int {
	s := p.text(name)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxLimit {
		p.fail(name, s, "want a number from 1 to "+strconv.Itoa(MaxLimit))
		return 0
	}
	return n
}

// words are texts between commas.
func (p *parser) words(name string) []string {
	s := p.text(name)
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func (p *parser) flag(name string) bool {
	switch s := p.text(name); s {
	case "true":
		return true
	case "", "false":
		return false
	default:
		p.fail(name, s, "want true or false")
		return false
	}
}

// done reports the first error, or a parameter that nobody asked for.
func (p *parser) done() error {
	names := make([]string, 0, len(p.values))
	for name := range p.values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(p.known, name) {
			p.fail("parameter", name, "no such parameter")
		}
	}
	return p.err
}

func (p *parser) fail(name, value, reason string) {
	if p.err == nil {
		p.err = &QueryError{name, cut(value), reason}
	}
}

// writer collects the parameters that are set.
type writer url.Values

func (w writer) text(name, value string) {
	if value != "" {
		url.Values(w).Set(name, value)
	}
}

func (w writer) time(name string, t time.Time) {
	if !t.IsZero() {
		w.text(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func (w writer) number(name string, n int) {
	if n != 0 {
		w.text(name, strconv.Itoa(n))
	}
}
