package patience_test

import (
	"testing"
	"testing/synctest"
	"time"

	"picket.internal/sensor/watch/internal/patience"
)

func TestAnswersInTime(t *testing.T) {
	g := patience.NewGate(1)
	if got, ok := patience.Do(g, time.Second, func() int { return 7 }); got != 7 || !ok {
		t.Errorf("got %d, %v", got, ok)
	}
}

func TestLeavesBehindNoMoreThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := patience.NewGate(2)
		release := make(chan struct{})
		late := func() int { <-release; return 1 }
		for range 2 {
			if _, ok := patience.Do(g, time.Second, late); ok {
				t.Error("it answered before it was let go")
			}
		}
		called := false
		if _, ok := patience.Do(g, time.Second, func() int { called = true; return 1 }); ok || called {
			t.Errorf("called %v, ok %v with two left behind", called, ok)
		}
		if g.Lost() != 2 {
			t.Errorf("%d are left behind, want 2", g.Lost())
		}
		close(release)
		synctest.Wait()
		if g.Lost() != 0 {
			t.Errorf("%d are left behind after they came back", g.Lost())
		}
		if _, ok := patience.Do(g, time.Second, func() int { return 1 }); !ok {
			t.Error("it is not called although nobody is left behind")
		}
	})
}
