//go:build race

package engine_test

// mostAllocations a fact without a match takes: the race detector empties pools
// at random, and what is in them is made anew. make unit runs these tests without
// it, too, where the bound is 0.
const mostAllocations = 500
