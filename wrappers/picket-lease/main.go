//go:build linux

// Picket-lease ends what Emergency Action Tokens have put in force when its time
// is over, puts it in force again after a reboot, and clears up after a wrapper
// that was killed. A timer of root's own starts it; nobody else may.
//
// It must never put anything in force that no token did.
package main

import (
	"fmt"
	"os"
	"strings"

	"picket.internal/internal/version"
	"picket.internal/wrappers/internal/gate"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "picket-lease: %s\n", gate.Line(err))
		os.Exit(1)
	}
}

func run() error {
	if err := gate.Enter(); err != nil {
		return err
	}
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	// An upgrade may put another file in its place while it starts.
	self = strings.TrimSuffix(strings.TrimPrefix(self, "/"), " (deleted)")
	return gate.Leases(gate.Config{Version: version.String(), Self: self})
}
