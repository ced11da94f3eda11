package network

// Interval and Outermost are how a block's prefixes become set elements.
var (
	Interval  = interval
	Outermost = outermost
)
