package rule

import (
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// maxSplit bounds what split makes of one string.
const maxSplit = 1000

// base is the last part of a path; unlike path.Base it leaves "" empty, so that
// an absent path never looks like ".".
func base(path string) string {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	if path == "/" {
		return path
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}

// dir is the path without its last part, "" where there is none.
func dir(path string) string {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	switch i := strings.LastIndexByte(path, '/'); i {
	case -1:
		return ""
	case 0:
		return "/"
	default:
		return path[:i]
	}
}

// under reports whether path is the folder or lies below it.
func under(path, folder string) bool {
	folder = strings.TrimRight(folder, "/")
	rest, ok := strings.CutPrefix(path, folder)
	if !ok || path == "" {
		return false
	}
	return rest == "" || rest[0] == '/'
}

// The Fold functions ignore the case of ASCII letters and of nothing else, so
// that the result never depends on Unicode tables or on a locale.

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func equalsFold(s, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if lowerByte(s[i]) != lowerByte(t[i]) {
			return false
		}
	}
	return true
}

func startsWithFold(s, prefix string) bool {
	return len(s) >= len(prefix) && equalsFold(s[:len(prefix)], prefix)
}

func endsWithFold(s, suffix string) bool {
	return len(s) >= len(suffix) && equalsFold(s[len(s)-len(suffix):], suffix)
}

func containsFold(s, part string) bool {
	if len(part) > len(s) {
		return false
	}
	return strings.Contains(lowerASCII(s), lowerASCII(part))
}

func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] != lowerByte(s[i]) {
			return mapBytes(s, lowerByte)
		}
	}
	return s
}

func upperASCII(s string) string {
	return mapBytes(s, func(c byte) byte {
		if 'a' <= c && c <= 'z' {
			return c + 'A' - 'a'
		}
		return c
	})
}

// mapBytes leaves bytes that are not ASCII alone, valid UTF-8 or not.
func mapBytes(s string, f func(byte) byte) string {
	out := []byte(s)
	for i, c := range out {
		out[i] = f(c)
	}
	return string(out)
}

func trim(s string) string { return strings.Trim(s, " \t\r\n\v\f") }

func indexOf(args ...ref.Val) ref.Val {
	s, sub := string(args[0].(types.String)), string(args[1].(types.String))
	i := strings.Index(s, sub)
	if i < 0 {
		return types.Int(-1)
	}
	return types.Int(utf8.RuneCountInString(s[:i]))
}

// substring counts in code points, as size() does.
func substring(args ...ref.Val) ref.Val {
	runes := []rune(string(args[0].(types.String)))
	from, to := int64(args[1].(types.Int)), int64(len(runes))
	if len(args) == 3 {
		to = int64(args[2].(types.Int))
	}
	if from < 0 || from > to || to > int64(len(runes)) {
		return types.NewErr("substring from %d to %d of a string of %d characters", from, to, len(runes))
	}
	return types.String(runes[from:to])
}

// split stops after maxSplit parts; the last holds what is left.
func split(args ...ref.Val) ref.Val {
	s, sep := string(args[0].(types.String)), string(args[1].(types.String))
	if sep == "" {
		return types.NewErr("split by an empty string")
	}
	return types.NewStringList(types.DefaultTypeAdapter, strings.SplitN(s, sep, maxSplit))
}

func join(args ...ref.Val) ref.Val {
	parts, err := stringsOf(args[0])
	if err != nil {
		return types.WrapErr(err)
	}
	return types.String(strings.Join(parts, string(args[1].(types.String))))
}
