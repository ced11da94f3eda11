//go:build linux

// Picket-lease ends what Emergency Action Tokens have put in force when its time
// is over, puts it in force again after a reboot, and clears up after a wrapper
// that was killed. A timer of root's own starts it; nobody else may.
//
// It must never put anything in force that no token did.
package main

import "picket.internal/wrappers/internal/gate"

func main() {
	gate.Main("picket-lease", gate.Leases)
}
