//go:build linux

// Picket-wrapper-setup makes the key that receipts are signed with and the state
// of a host that has seen no token yet. It runs once, when Picket is installed,
// and prints the public key; again it changes nothing.
//
// It must never be named in sudoers.
package main

import (
	"fmt"
	"os"

	"picket.internal/wrappers/internal/gate"
)

func main() {
	err := gate.Enter()
	if err == nil {
		key, setupErr := gate.Setup("/")
		if err = setupErr; err == nil {
			fmt.Println(key)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "picket-wrapper-setup: %s\n", gate.Line(err))
		os.Exit(1)
	}
}
