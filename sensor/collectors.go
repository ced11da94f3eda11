//go:build linux

package sensor

import (
	"fmt"
	"log/slog"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/canary"
	"picket.internal/sensor/watch/integrity"
	"picket.internal/sensor/watch/metric"
	"picket.internal/sensor/watch/process"
	"picket.internal/sensor/watch/self"
)

// collectors are all of them, in an explicit table. They meet only here: the
// canary collector recalls processes that the process collector knew. Source
// and stats are of the process that they run in, and of what waits there.
func (c *Config) collectors(source string, stats func() send.Stats, log *slog.Logger) ([]watch.Collector, error) {
	processes, err := process.New(process.Config{Interval: time.Duration(c.ScanInterval), Logger: log})
	if err != nil {
		return nil, fmt.Errorf("preparing the process collector: %w", err)
	}
	var list []canary.Canary
	for _, one := range c.Canaries {
		list = append(list, canary.Canary{ID: one.ID, Path: one.Path})
	}
	canaries, err := canary.New(canary.Config{Canaries: list, Processes: processes, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("preparing the canary collector: %w", err)
	}
	binary, err := integrity.New(integrity.Config{Version: c.Version, Heartbeat: time.Duration(c.Heartbeat)})
	if err != nil {
		return nil, fmt.Errorf("preparing the integrity collector: %w", err)
	}
	metrics, err := metric.New(metric.Config{Interval: time.Duration(c.MetricInterval)})
	if err != nil {
		return nil, fmt.Errorf("preparing the metric collector: %w", err)
	}
	own, err := self.New(self.Config{
		Source:    source,
		Version:   c.Version,
		Heartbeat: time.Duration(c.Heartbeat),
		Watching: func() fact.Watching {
			return fact.Watching{Canaries: canaries.Count(), Processes: processes.Count()}
		},
		Queue: func() self.Queue { return queueOf(stats()) },
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the sensor's word on itself: %w", err)
	}
	return []watch.Collector{own, canaries, binary, processes, metrics}, nil
}

func queueOf(s send.Stats) self.Queue {
	return self.Queue{Facts: int64(s.Facts), Bytes: int64(s.Bytes), Dropped: int64(s.Dropped)}
}
