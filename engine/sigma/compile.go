package sigma

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// node makes the condition of the item: its values joined by or, or by and where
// all says so. Alternatives that one value stands for are always joined by or.
func (it *item) node() (*node, error) {
	if it.kind == testPresent {
		return it.exists()
	}
	if it.field.kind == kindObject {
		return nil, errors.New("it has no value, only fields; only exists can ask for it")
	}
	if it.every && len(it.values) == 1 {
		it.every = false // Sigma refuses it, but it can mean one thing only
	}
	var nodes []*node
	for _, v := range it.values {
		tests, err := it.tests(v)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, join(opOr, tests))
	}
	o := opOr
	if it.every {
		o = opAnd
	}
	n := join(o, nodes)
	if it.unequal {
		n = not(n)
	}
	return n, nil
}

func (it *item) leaf(t test) []*node {
	t.field = it.field
	return []*node{{op: opTest, test: &t}}
}

func (it *item) exists() (*node, error) {
	v := it.values[0]
	if len(it.values) != 1 || v.tag != "!!bool" || it.every || it.unequal {
		return nil, errors.New("exists takes true or false")
	}
	n := it.leaf(test{kind: testPresent})[0]
	if strings.EqualFold(v.text, "false") {
		return not(n), nil
	}
	return n, nil
}

// tests are the alternatives that one value stands for.
func (it *item) tests(v *value) ([]*node, error) {
	switch {
	case v.tag == "!!null" && it.kind == testText && it.compare == "" && !it.networks && !it.exact && it.part == "":
		return []*node{not(it.leaf(test{kind: testPresent})[0])}, nil
	case v.tag == "!!null":
		return nil, errors.New("null takes no modifier but neq and all")
	case v.bytes != nil && v.read == nil:
		return nil, errUnencoded
	case it.kind == testRegex:
		return it.regex(v)
	case it.kind == testRef:
		return it.ref(v)
	case it.networks:
		return it.network(v)
	case it.field.kind == kindText && it.compare == "":
		return it.text(v)
	case it.field.kind == kindBool:
		return it.truth(v)
	}
	return it.numeric(v)
}

func (it *item) text(v *value) ([]*node, error) {
	if v.tag == "!!bool" {
		return nil, fmt.Errorf("it is a text, which %s is not; write it in quotes where the word is meant", v.text)
	}
	var out []*node
	for _, p := range v.patterns() {
		f := cased
		if !it.exact {
			f = p.folding()
		}
		out = append(out, it.leaf(test{kind: testText, pattern: p, fold: f})...)
	}
	return out, nil
}

func (it *item) regex(v *value) ([]*node, error) {
	if it.field.kind != kindText {
		return nil, errors.New("it is no text, which regular expressions are about")
	}
	if v.tag == "!!bool" {
		return nil, fmt.Errorf("%s is no regular expression", v.text)
	}
	source, re, err := translateRegex(v.text, it.flags)
	if err != nil {
		return nil, err
	}
	return it.leaf(test{kind: testRegex, regex: source, re: re}), nil
}

// ref compares with another field of the event.
func (it *item) ref(v *value) ([]*node, error) {
	if v.before || v.after || v.read != nil {
		return nil, errors.New("fieldref takes the name of a field")
	}
	other, err := it.detector.source.field(v.text)
	if err != nil {
		return nil, err
	}
	t := test{kind: testRef, other: other, shape: shapeEquals, fold: foldASCII}
	if it.exact {
		t.fold = cased
	}
	switch {
	case it.hasBefore && it.hasAfter:
		t.shape = shapeContains
	case it.hasBefore:
		t.shape = shapeSuffix
	case it.hasAfter:
		t.shape = shapePrefix
	}
	switch {
	case other.kind != it.field.kind:
		return nil, fmt.Errorf("it cannot be compared with %s, which is of another type", other.name)
	case other.list || it.field.list:
		return nil, errors.New("a field with many values cannot be compared with another")
	case t.shape != shapeEquals && it.field.kind != kindText, it.field.kind == kindObject, it.field.kind == kindTime:
		return nil, errors.New("it is no text")
	}
	return it.leaf(t), nil
}

func (it *item) truth(v *value) ([]*node, error) {
	if v.tag != "!!bool" && v.text != "true" && v.text != "false" || it.compare != "" || v.before || v.after {
		return nil, fmt.Errorf("it is true or false, not %q", v.text)
	}
	return it.leaf(test{kind: testTruth, truth: strings.EqualFold(v.text, "true")}), nil
}

// numeric compares numbers: a field that is one, a part of a time, or a text in
// which one stands.
func (it *item) numeric(v *value) ([]*node, error) {
	t := test{kind: testNumber, compare: it.compare, part: it.part}
	if t.compare == "" {
		t.compare = "=="
	}
	switch {
	case it.field.kind == kindTime && it.part == "":
		return nil, errors.New("it is a time; compare its minute, hour, day, month or year")
	case it.field.kind == kindText && !it.field.decimal:
		return nil, errors.New("it is a text, and texts are not compared as numbers")
	case it.exact:
		return nil, errors.New("cased goes with texts only")
	case v.before || v.after || v.read != nil:
		return nil, errors.New("it is a number, which has no beginning, end or wildcards")
	}
	f, err := strconv.ParseFloat(v.text, 64)
	whole := strings.Trim(strings.TrimPrefix(v.text, "-"), "0123456789") == ""
	switch {
	case err != nil || f-f != 0 || strings.ContainsAny(v.text, "xX_pP"):
		return nil, fmt.Errorf("it is a number, not %q", v.text)
	case it.field.kind != kindDouble && (!whole || f > 1<<53 || f < -(1<<53)):
		return nil, fmt.Errorf("it is a whole number up to 2^53, not %q", v.text)
	case it.field.kind == kindUint && f < 0:
		return nil, fmt.Errorf("it is never less than 0, as in %q", v.text)
	}
	if whole {
		t.number = number{strconv.FormatFloat(f, 'f', 0, 64), f}
	} else {
		t.number = number{strconv.FormatFloat(f, 'f', -1, 64), f}
	}
	return it.leaf(t), nil
}

// network tests whether an address lies in a network; a single address is one.
func (it *item) network(v *value) ([]*node, error) {
	prefix, err := netip.ParsePrefix(v.text)
	if err != nil {
		addr, err := netip.ParseAddr(v.text)
		if err != nil || addr.Zone() != "" {
			return nil, fmt.Errorf("malformed network %q", v.text)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix.Addr().Is4In6() {
		return nil, fmt.Errorf("network %s: write a network of IPv4 in its own form", v.text)
	}
	return it.leaf(test{kind: testNetwork, network: prefix.Masked()}), nil
}
