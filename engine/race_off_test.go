//go:build !race

package engine_test

// mostAllocations a fact without a match takes.
const mostAllocations = 0
