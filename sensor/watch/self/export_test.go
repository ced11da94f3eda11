//go:build linux

package self

import (
	"time"

	"picket.internal/sensor/watch/internal/clock"
)

// Clock makes the collector live by other clocks.
func (c *Config) Clock(real func() time.Time, boot func() time.Duration) {
	c.clock = clock.Clock{Real: real, Boot: boot}
}

// ParseResident is parseResident.
var ParseResident = parseResident

// Share is share.
var Share = share
