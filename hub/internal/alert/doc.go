// Package alert runs the engine over the log. It reads batches in their order
// from a durable cursor, tells the engine what the hub knows beside each fact
// (the host's name, how common a hash is), and stores what comes of it: alerts,
// duplicates, newly seen executables and the cursor, in one transaction.
//
// So a crash at any point loses no alert and doubles none: what was stored is
// behind the cursor, and what was not is read again.
//
// The package must never skip a fact because something failed. It tries again
// until the store takes the result, and reads no further meanwhile.
package alert
