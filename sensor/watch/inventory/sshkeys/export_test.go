//go:build linux

package sshkeys

// Key is what a line of authorized_keys says.
type Key struct {
	Options           []string
	Kind, Fingerprint string
	Bits              int64
	Comment           string
}

// ParseKey is parseKey.
func ParseKey(line []byte) (Key, bool) {
	k, ok := parseKey(line)
	return Key{k.options, k.kind, k.fingerprint, k.bits, k.comment}, ok
}

// ParseDirective is parseDirective.
var ParseDirective = parseDirective

// MaxKeys is how many keys of one file are told.
const MaxKeys = maxKeys
