//go:build !race

package hub_test

const memoryFactor = 1
