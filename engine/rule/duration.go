package rule

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const day = 24 * time.Hour

// durationForm is what the JSON Schema says of a length of time; the parser
// takes what it takes.
const durationForm = `^([0-9]+d|([0-9]+(\.[0-9]+)?(h|m|s|ms))+)$`

// durationKey is a length of time with its bounds.
func durationKey[T any](name string, low, high time.Duration, field func(*T) *time.Duration) key[T] {
	return own(name, shape{"type": "string", "pattern": durationForm}, func(w *walker, into *T, e entry) {
		*field(into) = w.duration(e.value, low, high)
	})
}

// duration reads Go's form with days added.
func (w *walker) duration(n *yaml.Node, low, high time.Duration) time.Duration {
	s, ok := w.str(n, "a length of time", maxName)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if days, cut := strings.CutSuffix(s, "d"); cut {
		var count int
		count, err = strconv.Atoi(days)
		d = time.Duration(min(max(count, 0), 10_000)) * day
	}
	switch {
	case err != nil:
		w.fail(CodeBadValue, at(n), fmt.Sprintf("malformed duration %q", s), "write 30s, 15m, 6h or 7d")
		return 0
	case d < low || d > high:
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s is not between %s and %s", s, durationText(low), durationText(high)), "")
		return 0
	}
	return d
}

// durationText writes a length of time as rules do: 30s, 15m, 6h, 7d.
func durationText(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= unit.size && d%unit.size == 0 {
			return fmt.Sprintf("%d%s", d/unit.size, unit.name)
		}
	}
	return d.String()
}

// dayKey is a day of the calendar.
func dayKey[T any](name string, field func(*T) *time.Time) key[T] {
	return own(name, shape{"type": "string", "format": "date"}, func(w *walker, into *T, e entry) {
		s, ok := w.str(e.value, name, maxName)
		if !ok {
			return
		}
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			w.fail(CodeBadValue, at(e.value), fmt.Sprintf("malformed day %q", s), "write a day as 2027-06-30")
			return
		}
		*field(into) = t
	})
}
