package rule

import (
	"encoding/base64"
	"math"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// maxWhole bounds the text that is looked at as a whole: four times what a
// fact can carry.
const maxWhole = 64 << 10

func tooLong(what string, n int) ref.Val {
	return types.NewErr("a string of %d bytes is too long for %s", n, what)
}

// maxAddress is longer than every IP address, zone included.
const maxAddress = 64

// inNetwork reports whether a text is an address of the network. A zone says
// which of the host's links the address is on, not which network it is of.
func inNetwork(network netip.Prefix, text string) bool {
	if len(text) > maxAddress {
		return false
	}
	addr, err := netip.ParseAddr(text)
	return err == nil && network.Contains(addr.Unmap().WithZone(""))
}

// compiledCIDR parses a network once.
var compiledCIDR = literalCall("cidr", "picket_cidr", func(literal string) (func(string) ref.Val, error) {
	network, bad := parseNetwork(literal)
	if bad != nil {
		return nil, bad
	}
	return func(s string) ref.Val { return types.Bool(inNetwork(network, s)) }, nil
})

// compiledBase64 encodes the part once.
var compiledBase64 = literalCall("containsBase64", "picket_contains_base64", func(literal string) (func(string) ref.Val, error) {
	needles := base64Offsets(literal)
	return func(s string) ref.Val {
		for _, n := range needles {
			if strings.Contains(s, n) {
				return types.True
			}
		}
		return types.False
	}, nil
})

// literalCall plans a function whose only argument is compiled at load.
func literalCall(name, overload string, compile func(literal string) (func(string) ref.Val, error)) *interpreter.RegexOptimization {
	return &interpreter.RegexOptimization{Function: name, OverloadID: overload, RegexIndex: 1,
		Factory: func(call interpreter.InterpretableCall, literal string) (interpreter.InterpretableCall, error) {
			f, err := compile(literal)
			if err != nil {
				return nil, err
			}
			return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
				s, ok := args[0].(types.String)
				if !ok {
					return types.MaybeNoSuchOverloadErr(args[0])
				}
				return f(string(s))
			}), nil
		}}
}

// base64Offsets are the three texts of which one is in the base64 of every text
// that holds part: base64 writes three bytes as four characters, so it matters
// where in the three the part begins. Characters that also depend on what
// stands before or after the part are left out.
func base64Offsets(part string) []string {
	out := make([]string, 0, 3)
	for offset := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00\x00"[:offset] + part))
		before := []int{0, 2, 3}[offset]
		after := 0
		if (offset+len(part))%3 != 0 {
			after = 1 // its low bits belong to the byte that follows
		}
		out = append(out, encoded[before:len(encoded)-after])
	}
	return out
}

// fromBase64 gives only texts: bytes that are not UTF-8 would not survive a
// message or an alert.
func fromBase64(args ...ref.Val) ref.Val {
	s, ok := args[0].(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	if len(s) > maxWhole {
		return tooLong("fromBase64", len(s))
	}
	text := strings.TrimRight(string(s), "=")
	if len(s)-len(text) > 2 || strings.ContainsAny(text, "\r\n") { // the decoder would pass over line breaks
		return types.String("")
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	data, err := encoding.DecodeString(text)
	if err != nil || !utf8.Valid(data) {
		return types.String("")
	}
	return types.String(data)
}

func entropyOf(args ...ref.Val) ref.Val {
	s, ok := args[0].(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	if len(s) > maxWhole {
		return tooLong("entropy", len(s))
	}
	return types.Double(entropy(string(s)))
}

// entropy is Shannon's, in bits a byte.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	sum := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

func listContainsFold(args ...ref.Val) ref.Val {
	list, ok := args[0].(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	want, ok := args[1].(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[1])
	}
	for it := list.Iterator(); it.HasNext() == types.True; {
		s, ok := it.Next().(types.String)
		if !ok {
			return types.NewErr("the list holds something else than strings")
		}
		if equalsFold(string(s), string(want)) {
			return types.True
		}
	}
	return types.False
}

func hourBetween(args ...ref.Val) ref.Val {
	t, ok := args[0].(types.Timestamp)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	from, _ := args[1].(types.Int)
	to, _ := args[2].(types.Int)
	hour := types.Int(t.UTC().Hour())
	if from < to {
		return types.Bool(from <= hour && hour < to)
	}
	return types.Bool(from <= hour || hour < to)
}

// weekdays are the names of the days by time.Weekday.
var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func weekdayIn(args ...ref.Val) ref.Val {
	t, ok := args[0].(types.Timestamp)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	days, ok := args[1].(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[1])
	}
	return days.Contains(types.String(weekdays[t.Time.In(time.UTC).Weekday()]))
}
