// Package queue holds facts until whoever takes them has said so: in the
// sending process until the hub has acknowledged them, in the watching process
// until the sender has them. It is bounded, says what goes first when it is
// full, and counts what went.
//
// The package must never block whoever emits a fact, write to disk, or lose a
// fact without telling.
package queue
