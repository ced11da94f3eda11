// Package booted boots Debian systems for tests: each with systemd as its
// process 1, its own network that reaches nothing, and a file system that may
// be spoilt at will. A system takes about a second to boot and is gone with
// the test.
//
// The package is for tests only. It must never touch the machine's own units,
// users or network: whatever a test does, it does inside.
package booted
