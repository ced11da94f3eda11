//go:build !linux

package sensor

import (
	"errors"
	"runtime"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
)

// collectors are for Linux so far: elsewhere the sensor enrolls and says that
// it cannot watch.
func (c *Config) collectors(string, func() send.Stats, func(), *eventlog.Logger) ([]watch.Collector, error) {
	return nil, errNoCollectors
}

// ownWord is one of them.
func (c *Config) ownWord(string, func() send.Stats, func() fact.Watching) (watch.Collector, error) {
	return nil, errNoCollectors
}

var errNoCollectors = errors.New("watching " + runtime.GOOS + ": there are no collectors for it yet; run the sensor on Linux")
