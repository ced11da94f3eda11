package describe

import (
	"strconv"
	"unicode/utf8"
)

// Plain is a text as a fact carries it where there is no field for its exact
// bytes: what is not UTF-8 is written in Go's escapes, so that two texts stay
// two. It takes at most budget bytes in JSON.
func Plain(b string, budget int) string {
	if !utf8.ValidString(b) {
		b = strconv.QuoteToASCII(b)
		b = b[1 : len(b)-1]
	}
	kept, _ := clip(b, budget)
	return kept
}
