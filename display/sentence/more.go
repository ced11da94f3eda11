package sentence

import (
	"fmt"
	"time"

	"picket.internal/api"
)

// stillGoing is how long after its last duplicate an alert counts as going on.
const stillGoing = 10 * time.Minute

// More says how often an alert has happened again, and within what time: up to
// now where it goes on, else up to its last duplicate. It is empty for an alert
// without duplicates.
func More(a *api.Alert, now time.Time) string {
	n := a.Count - 1
	if n <= 0 || a.Last.IsZero() {
		return ""
	}
	if now.Sub(a.Last) <= stillGoing {
		return fmt.Sprintf("%d more in the last %s", n, span(now.Sub(a.Time)))
	}
	return fmt.Sprintf("%d more in the %s after it", n, span(a.Last.Sub(a.Time)))
}

// span is a length of time in the largest unit that says enough, rounded up.
func span(d time.Duration) string {
	unit, word := time.Minute, "minute"
	switch {
	case d > 48*time.Hour:
		unit, word = 24*time.Hour, "day"
	case d > 2*time.Hour:
		unit, word = time.Hour, "hour"
	}
	if n := (d + unit - 1) / unit; n > 1 {
		return fmt.Sprintf("%d %ss", n, word)
	}
	return word
}
