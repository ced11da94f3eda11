//go:build linux

// Package clock tells the two times that the sensor needs: the host's wall
// clock, which people and attackers set, and the time since boot, which nobody
// can. It must never guess one from the other but at one and the same moment.
package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// Tick is the unit of start times in /proc: USER_HZ is 100 on every platform
// that Go runs on.
const Tick = 10 * time.Millisecond

// Clock is the two clocks; tests put their own in.
type Clock struct {
	// Real is the wall clock, CLOCK_REALTIME; nil means the system's.
	Real func() time.Time
	// Boot is the time since boot, sleep included, CLOCK_BOOTTIME; nil means
	// the system's.
	Boot func() time.Duration
}

// Now is the wall clock's time in UTC, without Go's monotonic reading: what
// goes into a fact must compare as it was written.
func (c Clock) Now() time.Time {
	if c.Real != nil {
		return c.Real()
	}
	return time.Now().Round(0).UTC()
}

// SinceBoot is the time since boot.
func (c Clock) SinceBoot() time.Duration {
	if c.Boot != nil {
		return c.Boot()
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Booted is when the host booted, by the wall clock as it is set now.
func (c Clock) Booted() time.Time { return c.Now().Add(-c.SinceBoot()) }
