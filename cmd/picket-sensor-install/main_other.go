//go:build !linux

// Command picket-sensor-install sets a host up: no other system than Linux so
// far.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "picket-sensor: hosts of this system cannot be set up by it so far; see packaging/README.md")
	os.Exit(2)
}
