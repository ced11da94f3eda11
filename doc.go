// Package picket is the root of the repository and holds no code: its tests
// watch over the house, that is who may import whom, what builds without cgo,
// how large the programs are, and that documents and tests agree.
package picket
