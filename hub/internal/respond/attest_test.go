package respond

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"picket.internal/hub/internal/store"
	"picket.internal/wire"
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

// A fleet is not to hash at once: a sweep asks eight of those that are due and
// there, in the order of the list, and the next one goes on behind them.
func TestEightAreAskedInASweep(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	d := &Desk{cfg: Config{AttestEvery: time.Hour}, started: now.Add(-time.Hour), lines: lines{open: map[string]*line{}}}
	var hosts []store.Attestable
	for n := range 20 {
		h := store.Attestable{Host: fmt.Sprintf("h_%d", n)}
		if n%5 == 1 {
			h.Asked = now.Add(-time.Minute) // not due
		}
		if hosts = append(hosts, h); n%5 != 2 {
			d.lines.enter(h.Host, &wire.Orders{}, now, func() {})
		}
	}
	first := d.toAttest(hosts, now)
	if want := []string{"h_0", "h_3", "h_4", "h_5", "h_8", "h_9", "h_10", "h_13"}; !slices.Equal(first, want) {
		t.Errorf("the first are %v, want %v", first, want)
	}
	for i := range hosts {
		if slices.Contains(first, hosts[i].Host) {
			hosts[i].Asked = now
		}
	}
	if second, want := d.toAttest(hosts, now), []string{"h_14", "h_15", "h_18", "h_19"}; !slices.Equal(second, want) {
		t.Errorf("then come %v, want %v", second, want)
	}
}
