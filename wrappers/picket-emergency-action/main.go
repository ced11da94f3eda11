//go:build linux

// Picket-emergency-action does, as root, what one Emergency Action Token on its
// standard input asks for, if the files of this host that only root can write
// allow it. It prints signed receipts, one a line; with nothing on its standard
// input it does only that.
//
// It must never take an argument, an environment or a configuration from its
// caller.
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
		fmt.Fprintf(os.Stderr, "picket-emergency-action: %s\n", gate.Line(err))
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
	return gate.Run(gate.Config{Version: version.String(), Self: strings.TrimPrefix(self, "/")}, os.Stdin, os.Stdout)
}
