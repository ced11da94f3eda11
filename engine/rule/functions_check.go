package rule

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// badArgument is what is wrong with an argument that is looked at when the rule
// is loaded.
type badArgument struct {
	arg                 int // which one, from 0
	code                string
	message, suggestion string
}

func (b *badArgument) Error() string { return b.message }

// literalArguments holds a call of one of our functions to what it must be when
// it is loaded: then nothing is left to go wrong when facts come.
func (e *expression) literalArguments(a *ast.AST, c ast.CallExpr) {
	f, ok := functionByName(c.FunctionName())
	if !ok || f.literal == nil || len(c.Args()) != len(f.args) {
		return
	}
	if bad := f.literal(c.Args()); bad != nil {
		e.w.fail(bad.code, e.startOf(a, c.Args()[bad.arg]), bad.message, bad.suggestion)
	}
}

func notLiteral(arg int, what string) *badArgument {
	return &badArgument{arg, CodeNotLiteral, what + " must be written out", ""}
}

func cidrLiteral(args []ast.Expr) *badArgument {
	s, ok := stringLiteral(args[0])
	if !ok {
		return notLiteral(0, "the network of cidr()")
	}
	_, bad := parseNetwork(s)
	var b *badArgument
	if errors.As(bad, &b) {
		return b
	}
	return nil
}

// parseNetwork takes only networks that say what they mean: an address in the
// place of a network, or bits beyond the length, are slips.
func parseNetwork(s string) (netip.Prefix, error) {
	refuse := func(problem, suggestion string) (netip.Prefix, error) {
		return netip.Prefix{}, &badArgument{0, CodeBadArgument, fmt.Sprintf("malformed network %q: %s", s, problem), suggestion}
	}
	if len(s) > maxAddress {
		return refuse("it is too long", "")
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return refuse("it is an address", fmt.Sprintf("write %q, or compare with ==", netip.PrefixFrom(addr, addr.BitLen())))
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return refuse("write an address, a slash and a number of bits", "as in \"10.0.0.0/8\" or \"fc00::/7\"")
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return refuse("it is neither of IPv4 nor of IPv6", "")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return refuse("the address has bits beyond the length", fmt.Sprintf("write %q", p.Masked()))
	}
	return p, nil
}

// minBase64 keeps the texts that are looked for from being so short that they
// are in every text: 3 bytes leave 3 characters.
const minBase64 = 3

func base64Literal(args []ast.Expr) *badArgument {
	s, ok := stringLiteral(args[0])
	switch {
	case !ok:
		return notLiteral(0, "the part of containsBase64()")
	case len(s) < minBase64:
		return &badArgument{0, CodeBadArgument, fmt.Sprintf("malformed part %q: it is shorter than %d bytes", s, minBase64), "what is so short is in every text"}
	}
	return nil
}

func hoursLiteral(args []ast.Expr) *badArgument {
	var hours [2]int64
	for i, arg := range args {
		n, ok := intLiteral(arg)
		if !ok {
			return notLiteral(i, "the hours of hourBetween()")
		}
		if n < 0 || n > 24 || i == 0 && n == 24 {
			return &badArgument{i, CodeBadArgument, fmt.Sprintf("malformed hour %d", n), "hours go from 0 to 23; 24 is the end of the day"}
		}
		hours[i] = n
	}
	if hours[0]%24 == hours[1]%24 {
		return &badArgument{1, CodeBadArgument, "from and to are one hour", "write hourBetween(22, 23) for the hour that begins at 22:00"}
	}
	return nil
}

func intLiteral(n ast.Expr) (int64, bool) {
	if n.Kind() != ast.LiteralKind {
		return 0, false
	}
	i, ok := n.AsLiteral().(types.Int)
	return int64(i), ok
}

func weekdaysLiteral(args []ast.Expr) *badArgument {
	if args[0].Kind() != ast.ListKind {
		return notLiteral(0, "the days of weekdayIn()")
	}
	items := args[0].AsList().Elements()
	if len(items) == 0 {
		return &badArgument{0, CodeBadArgument, "weekdayIn() names no day", "the days are " + strings.Join(weekdays[:], ", ")}
	}
	for _, item := range items {
		s, ok := stringLiteral(item)
		switch {
		case !ok:
			return notLiteral(0, "the days of weekdayIn()")
		case !slices.Contains(weekdays[:], s):
			return &badArgument{0, CodeBadArgument, fmt.Sprintf("malformed day %q", s), "the days are " + strings.Join(weekdays[:], ", ")}
		}
	}
	return nil
}
