//go:build linux

// Package gate stands before every act of root: it believes nobody who calls
// it, verifies a token by files that only root can write, spends it on disk,
// has it acted on, and signs a receipt. It also ends what tokens have put in
// force: at the end of a lease, after a crash, after a reboot.
//
// Everything is on disk before the act that it is about, so that a wrapper that
// is killed at any moment leaves enough for the next to finish or undo, and to
// say which.
//
// It must never open an inet socket, run a program, follow a symbolic link,
// read its environment, or act on what it has not written down.
package gate
