package sigma

import (
	"strconv"
	"time"
)

// meetsNumber compares a value as a number: itself, the number that a text
// holds, or a part of a time.
func (t *test) meetsNumber(value any) bool {
	var have float64
	switch v := value.(type) {
	case float64:
		have = v
	case string:
		if len(v) == 0 || len(v) > maxDigits {
			return false
		}
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return false
		}
		have = float64(n)
	case time.Time:
		have = float64(timePart(v, t.part))
	default:
		return false
	}
	switch want := t.number.value; t.compare {
	case "<":
		return have < want
	case "<=":
		return have <= want
	case ">":
		return have > want
	case ">=":
		return have >= want
	default:
		return have == want
	}
}

// maxDigits is how long a text may be that is compared as a number: what is
// shorter always fits a whole number.
const maxDigits = 15

func timePart(t time.Time, part string) int {
	t = t.UTC()
	switch part {
	case "minute":
		return t.Minute()
	case "hour":
		return t.Hour()
	case "day":
		return t.Day()
	case "month":
		return int(t.Month())
	default:
		return t.Year()
	}
}
