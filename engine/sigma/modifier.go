package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// modifier is one value modifier of Sigma.
type modifier struct {
	name  string
	apply func(*item) error
}

// modifiers is the whole table; docs/sigma.md has a row for each, which a test
// holds to it.
var modifiers = []modifier{
	{"contains", func(it *item) error { return it.surround(true, true) }},
	{"startswith", func(it *item) error { return it.surround(false, true) }},
	{"endswith", func(it *item) error { return it.surround(true, false) }},
	{"all", (*item).all},
	{"cased", (*item).cased},
	{"exists", func(it *item) error { return it.become(testPresent) }},
	{"neq", (*item).neq},
	{"windash", (*item).windash},
	{"re", func(it *item) error { return it.become(testRegex) }},
	{"i", func(it *item) error { return it.flag("i") }},
	{"m", func(it *item) error { return it.flag("m") }},
	{"s", func(it *item) error { return it.flag("s") }},
	{"base64", func(it *item) error { return it.encode(encodeBase64) }},
	{"base64offset", func(it *item) error { return it.encode(encodeOffsets) }},
	{"utf16le", func(it *item) error { return it.widen(false, false) }},
	{"utf16be", func(it *item) error { return it.widen(true, false) }},
	{"utf16", func(it *item) error { return it.widen(false, true) }},
	{"wide", func(it *item) error { return it.widen(false, false) }},
	{"lt", func(it *item) error { return it.comparison("<") }},
	{"lte", func(it *item) error { return it.comparison("<=") }},
	{"gt", func(it *item) error { return it.comparison(">") }},
	{"gte", func(it *item) error { return it.comparison(">=") }},
	{"minute", func(it *item) error { return it.timePart("minute") }},
	{"hour", func(it *item) error { return it.timePart("hour") }},
	{"day", func(it *item) error { return it.timePart("day") }},
	{"week", func(*item) error { return errors.New("conditions know no weeks") }},
	{"month", func(it *item) error { return it.timePart("month") }},
	{"year", func(it *item) error { return it.timePart("year") }},
	{"cidr", (*item).cidr},
	{"expand", (*item).expand},
	{"fieldref", func(it *item) error { return it.become(testRef) }},
}

// Modifiers names the modifiers that are known, also those that are refused.
func Modifiers() []string {
	var out []string
	for _, m := range modifiers {
		out = append(out, m.name)
	}
	return out
}

// item is a field with its values while modifiers are applied, in the order in
// which they are written.
type item struct {
	detector *detector
	field    *field
	values   []*value

	kind      testKind // testText until a modifier says otherwise
	every     bool     // all: each value must fit
	unequal   bool     // neq
	exact     bool     // cased
	flags     string   // of re
	compare   string   // of numbers
	part      string   // of a time
	networks  bool     // cidr
	shape     shape    // of fieldref
	hasBefore bool     // contains or endswith was there
	hasAfter  bool
}

func (it *item) modify(name string) error {
	i := slices.IndexFunc(modifiers, func(m modifier) bool { return m.name == name })
	if i < 0 {
		return errors.New("it is not one of Sigma's")
	}
	return modifiers[i].apply(it)
}

// become gives the values another meaning than text.
func (it *item) become(k testKind) error {
	if it.kind != testText || it.networks || it.compare != "" {
		return errors.New("another modifier gave the values another meaning already")
	}
	if k == testRegex || k == testPresent {
		for _, v := range it.values {
			if v.before || v.after || v.read != nil || v.bytes != nil {
				return errors.New("it must come first")
			}
		}
	}
	it.kind = k
	return nil
}

func (it *item) surround(before, after bool) error {
	switch {
	case it.kind == testRef:
		it.hasBefore, it.hasAfter = it.hasBefore || before, it.hasAfter || after
		return nil
	case it.kind != testText || it.networks || it.compare != "" || it.part != "":
		return errors.New("it goes with texts only; a regular expression fits anywhere unless it has anchors")
	}
	it.hasBefore, it.hasAfter = it.hasBefore || before, it.hasAfter || after
	for _, v := range it.values {
		if v.tag == "!!null" {
			return errors.New("null is no text")
		}
		if v.bytes != nil {
			return errUnencoded
		}
		v.before, v.after = v.before || before, v.after || after
	}
	return nil
}

func (it *item) all() error {
	if it.unequal {
		return errors.New("with neq it is not clear what it joins")
	}
	it.every = true
	return nil
}

func (it *item) neq() error {
	if it.every {
		return errors.New("with all it is not clear what it joins")
	}
	it.unequal = true
	return nil
}

func (it *item) cased() error {
	if it.kind != testText && it.kind != testRef {
		return errors.New("it goes with texts only; a regular expression is case-sensitive without it")
	}
	it.exact = true
	return nil
}

func (it *item) flag(f string) error {
	if it.kind != testRegex {
		return errors.New("it goes with re only")
	}
	if !strings.Contains(it.flags, f) {
		it.flags += f
	}
	return nil
}

func (it *item) comparison(operator string) error {
	if it.kind != testText || it.networks || it.compare != "" || it.hasBefore || it.hasAfter {
		return errors.New("it goes with numbers only, and once")
	}
	it.compare = operator
	return nil
}

func (it *item) timePart(part string) error {
	if it.field.kind != kindTime {
		return fmt.Errorf("%s is no time", it.field.name)
	}
	if it.part != "" || it.compare != "" {
		return errors.New("it comes first, and once")
	}
	it.part = part
	return nil
}

func (it *item) cidr() error {
	if !it.field.address {
		return fmt.Errorf("%s is no IP address", it.field.name)
	}
	if err := it.become(testText); err != nil {
		return err
	}
	if it.hasBefore || it.hasAfter {
		return errors.New("it goes with networks only")
	}
	it.networks = true
	return nil
}
