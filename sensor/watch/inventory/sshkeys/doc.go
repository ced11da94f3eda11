// Package sshkeys reads which SSH keys let somebody into an account, and by
// which keys the host itself is known.
//
// A key never leaves it: not in a fact, an error or a log. What does is the
// SHA-256 of a key, as ssh-keygen(1) -l prints it, its type and its options.
package sshkeys
