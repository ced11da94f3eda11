package eat_test

import (
	"math/rand/v2"
	"testing"

	"picket.internal/eat"
)

// TestCountersAreTakenOnce plays tokens that overtake each other against a set
// that forgets nothing: what was spent once is spent for ever, and what was not
// is free as long as it is not too far back.
func TestCountersAreTakenOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var c eat.Counters
		spent, high := map[uint64]bool{}, uint64(0)
		for range 500 {
			n := max(1, high+uint64(random.IntN(100))-min(high, 70))
			want := spent[n] || n+64 < high
			if got := c.Spent(n); got != want {
				t.Fatalf("counter %d after %d is spent: %v, want %v", n, high, got, want)
			}
			if want {
				continue
			}
			c = c.Spend(n)
			spent[n], high = true, max(high, n)
			if c.High != high || !c.Spent(n) {
				t.Fatalf("counter %d leads to %+v, the highest is %d", n, c, high)
			}
		}
	}
}

// What an older state says of the highest counter alone lets nothing below it
// pass.
func TestCountersOfWhichNothingIsKnown(t *testing.T) {
	c := eat.Counters{High: 100}
	for n := range uint64(101) {
		if !c.Spent(n) {
			t.Errorf("%d is free", n)
		}
	}
	if far := c.Spend(1000); far.Spent(999) || far.Spent(936) || !far.Spent(935) || !far.Spent(100) {
		t.Errorf("far ahead: %+v", far)
	}
}
