package network

// Interval and Outermost are how a block's prefixes become set elements.
var (
	Interval  = interval
	Outermost = outermost
)

// ListNoMoreThan makes n the number of tracked connections above which all are
// deleted, until restored.
func ListNoMoreThan(n int) (restore func()) {
	was := maxListed
	maxListed = n
	return func() { maxListed = was }
}

// ParseConnection says where a message of the kernel was understood.
func ParseConnection(data []byte) error { _, err := parseConnection(data); return err }
