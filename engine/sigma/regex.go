package sigma

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxPattern bounds a regular expression as written.
const maxPattern = 4 << 10

// translateRegex turns a regular expression as Sigma means it (the common part
// of PCRE) into one of RE2 that finds the same. Both read most of it alike; what
// one of them reads otherwise is rewritten, or refused.
func translateRegex(source, flags string) (string, *regexp.Regexp, error) {
	if len(source) > maxPattern {
		return "", nil, fmt.Errorf("a regular expression of more than %d bytes", maxPattern)
	}
	out, err := dollars(source, strings.Contains(flags, "m"))
	if err != nil {
		return "", nil, err
	}
	if flags != "" {
		out = "(?" + flags + ")" + out
	}
	re, err := regexp.Compile(out)
	if err != nil {
		return "", nil, fmt.Errorf("malformed or unsupported regular expression %q: %s; lookaround, back references and possessive quantifiers are not in RE2",
			source, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return out, re, nil
}

// dollars rewrites each $ that is an anchor: to PCRE it also stands before a
// line break that ends the text, to RE2 only at its very end.
func dollars(source string, multiline bool) (string, error) {
	var b strings.Builder
	class := false
	for i := 0; i < len(source); i++ {
		c := source[i]
		b.WriteByte(c)
		switch {
		case c == '\\' && i+1 < len(source):
			i++
			if source[i] == 'v' || source[i] == 'Q' {
				return "", fmt.Errorf(`\%c is read in more than one way`, source[i])
			}
			b.WriteByte(source[i])
		case class:
			class = c != ']'
		case c == '[':
			class = true
			// A bracket that comes first in a class is one of its characters.
			for _, first := range []string{"^", "]"} {
				if strings.HasPrefix(source[i+1:], first) {
					b.WriteString(first)
					i++
				}
			}
		case c == '(' && strings.HasPrefix(source[i+1:], "?") && inlineFlags.MatchString(source[i:]):
			return "", errors.New("flags within a regular expression are not in Sigma; write re|i, re|m or re|s")
		case c == '$' && !multiline:
			if rest := source[i+1:]; rest != "" && !strings.ContainsAny(rest[:1], ")|") {
				return "", errors.New("a $ with something behind it is not read the same everywhere")
			}
			s := strings.TrimSuffix(b.String(), "$")
			b.Reset()
			b.WriteString(s + `\n?$`)
		}
	}
	return b.String(), nil
}

var inlineFlags = regexp.MustCompile(`^\(\?[a-zA-Z^-]+[:)]`)
