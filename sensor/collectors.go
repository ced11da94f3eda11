//go:build linux

package sensor

import (
	"fmt"
	"os"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/canary"
	"picket.internal/sensor/watch/integrity"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/packages"
	"picket.internal/sensor/watch/login"
	"picket.internal/sensor/watch/metric"
	"picket.internal/sensor/watch/process"
	"picket.internal/sensor/watch/self"
)

// collectors are all of them, in an explicit table. They meet only here: the
// canary collector recalls processes that the process collector knew. Source
// and stats are of the process that they run in, and of what waits there.
func (c *Config) collectors(source string, stats func() send.Stats, armed func(), log *eventlog.Logger) ([]watch.Collector, error) {
	db := packages.Open("/")
	processes, err := process.New(process.Config{
		Interval: time.Duration(c.ScanInterval), HashRate: c.HashRate, Logger: log,
		KeepSecrets: c.Redact.Off, SecretWords: c.Redact.secrets(), Packages: db,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the process collector: %w", err)
	}
	var list []canary.Canary
	for _, one := range c.Canaries {
		list = append(list, canary.Canary{ID: one.ID, Path: one.Path, Type: one.Type})
	}
	canaries, err := canary.New(canary.Config{Canaries: list, Processes: processes, FanGroup: canary.HandedDown(os.Getenv), Armed: armed, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("preparing the canary collector: %w", err)
	}
	binary, err := integrity.New(integrity.Config{Version: c.Version, Heartbeat: time.Duration(c.Heartbeat), Files: c.ownFiles()})
	if err != nil {
		return nil, fmt.Errorf("preparing the integrity collector: %w", err)
	}
	metrics, err := metric.New(metric.Config{Interval: time.Duration(c.MetricInterval)})
	if err != nil {
		return nil, fmt.Errorf("preparing the metric collector: %w", err)
	}
	sources, err := c.sources(db)
	if err != nil {
		return nil, err
	}
	inventories, err := inventory.New(inventory.Config{Sources: sources, Interval: time.Duration(c.InventoryInterval), Logger: log})
	if err != nil {
		return nil, fmt.Errorf("preparing the inventory collector: %w", err)
	}
	own, err := c.ownWord(source, stats, func() fact.Watching {
		w := fact.Watching{Canaries: canaries.Count(), Processes: processes.Count(), Sources: []string{fact.SourceScan}}
		if processes.Live() {
			w.Sources = append(w.Sources, fact.SourceConnector)
		}
		w.Sources = append(w.Sources, canaries.Sources()...)
		return w
	})
	if err != nil {
		return nil, err
	}
	logins := login.New(login.Config{Logger: log})
	return []watch.Collector{own, canaries, binary, processes, metrics, inventories, logins}, nil
}

// ownWord is what a process of the sensor says of itself; watching is nil where
// it watches nothing.
func (c *Config) ownWord(source string, stats func() send.Stats, watching func() fact.Watching) (watch.Collector, error) {
	own, err := self.New(self.Config{
		Source:    source,
		Version:   c.Version,
		Heartbeat: time.Duration(c.Heartbeat),
		Watching:  watching,
		Queue:     func() self.Queue { return queueOf(stats()) },
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the sensor's word on itself: %w", err)
	}
	return own, nil
}

// ownFiles are the files that Picket consists of; nil means the packaged ones.
func (c *Config) ownFiles() (files []integrity.File) {
	for _, f := range c.OwnFiles {
		files = append(files, integrity.File(f))
	}
	return files
}

func queueOf(s send.Stats) self.Queue {
	return self.Queue{Facts: int64(s.Facts), Bytes: int64(s.Bytes), Dropped: int64(s.Dropped)}
}
