//go:build !race

package send_test

const raced = false
