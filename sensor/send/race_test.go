//go:build race

package send_test

// raced tells that the race detector is on, which makes encoding thirty times
// slower.
const raced = true
