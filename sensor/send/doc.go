// Package send brings facts from the collectors to the hub: a bounded queue
// that counts what it loses, signed batches that chain to one another, and a
// sender that repeats a batch until the hub has acknowledged it. It also
// enrolls the host and keeps its identity on disk. And it asks the hub for
// Emergency Action Tokens, looks them over, and hands them to the wrapper that
// runs as root and trusts none of this.
//
// The package is the only holder of the host key and the only part of the
// sensor with a network. It must never read a file of the host but its own
// state and what root has written for all, never block a collector, never run a
// program but through package launch, and never let go of a fact that the hub has not acknowledged without counting it.
package send
