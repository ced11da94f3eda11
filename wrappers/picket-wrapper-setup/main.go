//go:build linux

// Picket-wrapper-setup makes the key that receipts are signed with and the state
// of a host that has seen no token yet. It runs once, when Picket is installed,
// and prints the public key; again it changes nothing.
//
// It must never be named in sudoers.
package main

import (
	"fmt"

	"picket.internal/wrappers/internal/gate"
)

func main() {
	gate.Main("picket-wrapper-setup", func(gate.Config) error {
		key, err := gate.Setup("/")
		if err == nil {
			fmt.Println(key)
		}
		return err
	})
}
