// Package peer tells who is at the other end of a Unix socket, by the kernel's
// word.
//
// It must never take the other side's own word for it.
package peer
