// Package describe turns what was read of a process into the blocks of a fact:
// text where a host has bytes, bounded where a host has none, names where the
// kernel has numbers. It is used by every collector that tells of a process,
// so that one process looks the same in all of them.
//
// It must never let a host make a fact so large that it cannot be sent.
package describe
