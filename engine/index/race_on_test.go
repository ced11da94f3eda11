//go:build race

package index_test

// mostAllocations a fact without a match takes: the race detector empties pools
// at random.
const mostAllocations = 20
