package respond

import (
	"fmt"
	"testing"
	"time"

	"picket.internal/hub/internal/store"
)

// Hosts are asked about as often as is said, and those that began together do not
// stay together.
func TestAttestationsAreSpread(t *testing.T) {
	start := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	d := &Desk{cfg: Config{AttestEvery: time.Hour}, started: start}
	for name, c := range map[string]struct {
		asked       time.Time
		least, most time.Duration // after the start, or after it was asked
	}{
		"never asked": {time.Time{}, 0, 6 * time.Minute},
		"asked":       {start, 54 * time.Minute, 66 * time.Minute},
	} {
		minutes := map[int]int{}
		for n := range 600 {
			h := store.Attestable{Host: fmt.Sprintf("h_%d", n), Asked: c.asked}
			after := d.dueToAttest(h).Sub(start)
			if after < c.least || after > c.most {
				t.Fatalf("%s: host %d is due after %v, want %v to %v", name, n, after, c.least, c.most)
			}
			if again := d.dueToAttest(h).Sub(start); again != after {
				t.Fatalf("%s: due after %v, and then after %v", name, after, again)
			}
			minutes[int(after.Minutes())]++
		}
		for minute, n := range minutes {
			if span := int((c.most - c.least).Minutes()); n > 2*600/span {
				t.Errorf("%s: %d of 600 hosts are due in minute %d of %d", name, n, minute, span)
			}
		}
	}
}
