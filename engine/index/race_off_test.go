//go:build !race

package index_test

// mostAllocations a fact without a match takes.
const mostAllocations = 0
