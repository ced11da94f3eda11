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
	"os"

	"picket.internal/wrappers/internal/gate"
)

func main() {
	gate.Main("picket-emergency-action", func(cfg gate.Config) error { return gate.Run(cfg, os.Stdin, os.Stdout) })
}
