//go:build !linux

package sensor

import (
	"errors"
	"runtime"

	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
)

// collectors are for Linux so far: elsewhere the sensor enrolls and says that
// it cannot watch.
func (c *Config) collectors(*send.Queue, *eventlog.Logger) ([]watch.Collector, error) {
	return nil, errors.New("watching " + runtime.GOOS + ": there are no collectors for it yet; run the sensor on Linux")
}
