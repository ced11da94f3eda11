// Package doctor tells what a host allows the sensor to see: a line each, with
// what it costs to lack it and the exact line that allows it. Everything is
// tried for real where trying changes nothing that lasts.
//
// The package must never change the host, talk over the network, or take the
// word of a configuration for what the kernel says.
package doctor

// Finding is the answer to one check.
type Finding struct {
	// Check names it, as in "connector".
	Check string `json:"check"`
	// OK is true where what was checked for is there.
	OK bool `json:"ok"`
	// Needed is true where the configuration cannot do without it.
	Needed bool `json:"needed,omitempty"`
	// Detail says what is, and what it costs to lack it.
	Detail string `json:"detail"`
	// Fix is what allows it: commands or lines of a unit, one a line; empty
	// where there is nothing to do, or nothing that can be done.
	Fix string `json:"fix,omitempty"`
}

// Config says what the sensor is to do.
type Config struct {
	// Path is where the configuration lies; empty means that there is none,
	// and nothing but what every sensor needs is called needed.
	Path string
	// StateDir is the folder of the host's key; empty means none.
	StateDir string
	// Launch is the chosen way to the wrapper, as in the configuration: sudo,
	// socket, or none, which empty means too.
	Launch string
	// Canaries are the paths of the canaries.
	Canaries []string
	// Folders is about how many folders and files are watched beside them; 0
	// means 500.
	Folders int
	// Root is where the host's files are; empty means /.
	Root string

	probes probes
}

// Run checks everything.
func Run(cfg Config) []Finding {
	if cfg.Folders <= 0 {
		cfg.Folders = 500
	}
	return run(cfg)
}

// Well tells whether all is there that the configuration needs.
func Well(all []Finding) bool {
	for _, f := range all {
		if f.Needed && !f.OK {
			return false
		}
	}
	return true
}
