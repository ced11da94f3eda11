//go:build race

package window_test

// raced says that the race detector watches, which makes everything slow.
const raced = true
