//go:build linux

package metric

import (
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/clock"
)

// Boot makes the collector live by another time since boot.
func (c *Config) Boot(boot func() time.Duration) { c.clock = clock.Clock{Boot: boot} }

// Statfs makes another answer how full file systems are.
func (c *Config) Statfs(f func(path string) (fact.Filesystem, error)) { c.statfs = f }

// Sample makes the fact of one moment.
func (c *Collector) Sample() *fact.Fact { return c.sample() }

// Mount is a line of the mount table.
type Mount struct{ Dev, Path, Kind string }

// ParseMounts is parseMounts.
func ParseMounts(data []byte) (all []Mount) {
	for _, m := range parseMounts(data) {
		all = append(all, Mount{m.dev, m.path, m.kind})
	}
	return all
}

var (
	Added = added
	Ratio = ratio
)

// Busiest is busiest.
func Busiest(all []fact.Network) ([]fact.Network, int) {
	return busiest(all, func(n fact.Network) uint64 { return n.RxBytes }, func(n fact.Network) string { return n.Name })
}
