package strictjson

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxInteger is the largest integer that every JSON reader holds exactly
// (RFC 7493 section 2.2).
const maxInteger = 1<<53 - 1

// integer reports whether raw is a plain integer: no fraction, no exponent.
func integer(raw []byte) bool { return !bytes.ContainsAny(raw, ".eE") }

// checkInteger takes an integer within ±(2^53-1).
func (r *reader) checkInteger(raw []byte) (int64, error) {
	if !integer(raw) {
		return 0, r.fail(ErrNumber, "%q is not spelled as an integer", raw)
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case err == nil && -maxInteger <= n && n <= maxInteger:
	case r.doubles && ownSpelling(raw):
	default:
		return 0, r.fail(ErrNumber, "%.40q is beyond 2^53-1", raw)
	}
	if n == 0 && raw[0] == '-' {
		if r.lim.IntegersOnly {
			return 0, r.fail(ErrNumber, "-0 is not an integer")
		}
		if r.lim.Canonical {
			return 0, r.fail(ErrNotCanonical, "-0 for 0")
		}
	}
	return n, nil
}

// checkFloat takes any number that a double can hold. An integer must be one
// that checkInteger takes, so that a number is refused or not whatever the type
// it is meant for.
func (r *reader) checkFloat(raw []byte) (float64, error) {
	if integer(raw) {
		n, err := r.checkInteger(raw)
		if err != nil || n != 0 && !r.doubles {
			return float64(n), err
		}
	} else if r.lim.IntegersOnly {
		return 0, r.fail(ErrNumber, "%.40q where only integers are allowed", raw)
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return 0, r.fail(ErrNumber, "%.40q does not fit a double", raw)
	}
	canonical := jsontext.AppendFloat(nil, f, 64)
	switch {
	case r.lim.Canonical && !bytes.Equal(canonical, raw):
		return 0, r.fail(ErrNotCanonical, "%.40q is not the canonical spelling", raw)
	case !r.doubles && math.Abs(f) > maxInteger && integer(canonical):
		// RFC 8785 writes 1e17 with all its digits: what could not be read
		// again must not be read at first.
		return 0, r.fail(ErrNumber, "%.40q is beyond 2^53-1", raw)
	}
	return f, nil
}

// ownSpelling reports whether raw is how its nearest double is written, so that
// reading it as a double loses nothing.
func ownSpelling(raw []byte) bool {
	f, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && bytes.Equal(jsontext.AppendFloat(nil, f, 64), raw)
}

// compareNames orders two raw names by their UTF-16 code units, as RFC 8785
// section 3.2.3 wants.
func compareNames(a, b []byte) int {
	a, b = text(a), text(b)
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	// Step back to where the rune that differs begins.
	for i > 0 && i < len(a) && !utf8.RuneStart(a[i]) {
		i--
	}
	ra, na := utf8.DecodeRune(a[i:])
	rb, nb := utf8.DecodeRune(b[i:])
	if na == 0 || nb == 0 {
		return na - nb
	}
	return firstUnit(ra) - firstUnit(rb) + tieBreak(ra, rb)
}

// firstUnit is the first UTF-16 code unit of c.
func firstUnit(c rune) int {
	if high, _ := utf16.EncodeRune(c); high != utf8.RuneError {
		return int(high)
	}
	return int(c)
}

// tieBreak orders runes that share their high surrogate.
func tieBreak(a, b rune) int {
	if firstUnit(a) != firstUnit(b) {
		return 0
	}
	return int(a - b)
}
