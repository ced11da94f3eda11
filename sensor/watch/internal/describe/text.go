package describe

import (
	"unicode/utf8"

	"picket.internal/fact"
)

// Bounds of text in a fact, counted as it is written in JSON, where a control
// character takes six bytes: together they stay below the bound of a fact,
// whatever a host puts into its names.
const (
	costPath     = 8 << 10
	costParent   = 5 << 10
	costAncestor = 768
	costArgs     = 7 << 10
	costName     = 256
)

// clip cuts b so that it takes at most budget bytes in JSON, and says how many
// it takes. It never cuts a character in two.
func clip(b string, budget int) (kept string, cost int) {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRuneInString(b[i:])
		n := size
		switch {
		case r == utf8.RuneError && size == 1:
			n = 3 // becomes U+FFFD
		case r == '"' || r == '\\':
			n = 2
		case r < 0x20:
			n = 6
		}
		if cost+n > budget {
			return b[:i], cost
		}
		cost += n
		i += size
	}
	return b, cost
}

// Text is a name as a fact carries it: cut so that it takes at most budget
// bytes in JSON, and with its exact bytes beside it where they are not UTF-8.
func Text(b string, budget int) (plain, b64 string) {
	kept, _ := clip(b, budget)
	return fact.Text([]byte(kept))
}

// Path is a path as a fact carries it.
func Path(b string) (plain, b64 string) { return Text(b, costPath/2) }

// arguments are args as a fact carries them, within what all of them together
// may cost.
func arguments(raw [][]byte) (args []string, cut bool) {
	left := costArgs
	for _, a := range raw {
		kept, cost := clip(string(a), left)
		left -= cost + len(`"",`)
		plain, _ := fact.Text([]byte(kept))
		args = append(args, plain)
		if len(kept) < len(a) || left <= 0 {
			return args, true
		}
	}
	return args, false
}
