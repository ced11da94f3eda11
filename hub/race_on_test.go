//go:build race

package hub_test

// memoryFactor is how much more memory the race detector takes for the same
// work, by its documentation 5 to 10 times.
const memoryFactor = 5
