// Package store keeps everything that the hub knows in one SQLite database:
// the log of signed batches, the index of facts over it, hosts, tokens, and
// what the engine made of the log.
//
// One goroutine writes (see writer); it commits many submissions together and
// answers each only after the commit is on the disk. Readers have connections
// of their own that cannot write. The database is opened in WAL mode with
// synchronous=FULL, and what the database says about itself is read back: a
// store that could forget what it acknowledged does not open.
//
// Creating and opening are different calls. Nothing here ever makes a database
// by accident, because an empty hub that answers is worse than one that does
// not start.
//
// The package must never acknowledge before a commit, change the bytes that a
// host signed, keep a secret other than as a digest, or know what a rule is.
package store
