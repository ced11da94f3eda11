//go:build !linux

package doctor

import "runtime"

// probes are none: the sensor knows nothing of other systems yet.
type probes struct{}

func run(Config) []Finding {
	return []Finding{{Check: "system", Needed: true, Detail: "on " + runtime.GOOS + " the sensor cannot watch yet: it needs Linux"}}
}
