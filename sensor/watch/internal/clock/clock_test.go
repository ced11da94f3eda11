//go:build linux

package clock_test

import (
	"testing"
	"time"

	"picket.internal/sensor/watch/internal/clock"
)

func TestSystem(t *testing.T) {
	var c clock.Clock
	before := time.Now()
	now := c.Now()
	if now.Location() != time.UTC || now.Before(before.Add(-time.Second)) || now.Sub(before) > time.Minute {
		t.Errorf("now is %v", now)
	}
	first := c.SinceBoot()
	if second := c.SinceBoot(); first <= 0 || second < first {
		t.Errorf("since boot %v, then %v", first, second)
	}
	if d := c.Booted().Add(c.SinceBoot()).Sub(c.Now()).Abs(); d > time.Second {
		t.Errorf("boot time is off by %v", d)
	}
}
