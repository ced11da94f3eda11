package rule

import "strings"

// celTokens walks a CEL source and calls word for every identifier that no dot
// precedes, leaving strings and comments out.
func celTokens(src string, word func(from, to int)) {
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == '"' || c == '\'':
			i = skipString(src, i, false)
		case strings.HasPrefix(src[i:], "//"):
			i += strings.IndexByte(src[i:]+"\n", '\n')
		case isWordStart(c):
			j := i
			for j < len(src) && isWordByte(src[j]) {
				j++
			}
			if j < len(src) && (src[j] == '"' || src[j] == '\'') && strings.Trim(src[i:j], "rRbB") == "" && j-i <= 2 {
				i = skipString(src, j, strings.ContainsAny(src[i:j], "rR"))
				continue
			}
			if !strings.HasSuffix(strings.TrimRight(src[:i], " \t\n"), ".") {
				word(i, j)
			}
			i = j
		case '0' <= c && c <= '9':
			for i < len(src) && isWordByte(src[i]) {
				i++
			}
		default:
			i++
		}
	}
}

func isWordStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

func isWordByte(c byte) bool { return isWordStart(c) || '0' <= c && c <= '9' }

// skipString returns where the string literal that starts at i ends.
func skipString(src string, i int, raw bool) int {
	quote := src[i : i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(src[i:], triple) {
		quote = triple
	}
	for i += len(quote); i < len(src); i++ {
		if src[i] == '\\' && !raw {
			i++
			continue
		}
		if strings.HasPrefix(src[i:], quote) {
			return i + len(quote)
		}
	}
	return len(src)
}

// aliasPackage writes the block named package as its alias; the length stays.
func aliasPackage(src string) string { return renameWord(src, packageField, packageAlias) }

// unaliasPackage undoes aliasPackage in an expression.
func unaliasPackage(src string) string { return renameWord(src, packageAlias, packageField) }

func renameWord(src, from, to string) string {
	if !strings.Contains(src, from) {
		return src
	}
	out := []byte(src)
	celTokens(src, func(i, j int) {
		if src[i:j] == from {
			copy(out[i:], to)
		}
	})
	return string(out)
}
