package fact

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Text splits bytes from the operating system into the two fields that carry
// them. Names on a host are bytes: where they are not UTF-8, text is readable
// with U+FFFD in the place of what is not, and b64 holds them exactly.
func Text(b []byte) (text, b64 string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), base64.StdEncoding.EncodeToString(b)
}
