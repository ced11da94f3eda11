// Package accounts reads who there is on a host and what sudo lets them do:
// users and groups from passwd(5), group(5) and shadow(5), and the entries of
// sudoers(5).
//
// It must never hold a password or its hash, ask a name service, or judge a
// policy: an entry that it does not understand is told as it is written.
package accounts
