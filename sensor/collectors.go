package sensor

import (
	"log/slog"

	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/process"
)

func (c *Config) collectors(queue *send.Queue, log *slog.Logger) ([]watch.Collector, error) {
	p, err := process.New(process.Config{Logger: log})
	return []watch.Collector{p}, err
}
