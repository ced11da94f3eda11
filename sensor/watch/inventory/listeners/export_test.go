//go:build linux

package listeners

var (
	Ask        = ask
	Request    = request
	ParseRange = parseRange
)
