//go:build linux

package accounts

import "picket.internal/fact"

// Parse reads what stands in a file of a sudoers policy.
func Parse(data []byte) (all []fact.Sudoers, malformed int, long int64) {
	long = splitSudoers(data, func(s string) {
		e := parseSudoers(s)
		if e.malformed {
			malformed++
		}
		all = append(all, e.Sudoers)
	})
	return all, malformed, long
}

// MaxEntry is how long an entry may be.
const MaxEntry = maxEntry
