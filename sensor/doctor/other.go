//go:build !linux

package doctor

// probes are none.
type probes struct{}

func run(Config) []Finding { return foreign() }
