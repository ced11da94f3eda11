//go:build !race

package window_test

const raced = false
