//go:build linux

package proc

import "bytes"

// Bounds of the arguments that are kept.
const (
	MaxArgs     = 64
	MaxArgBytes = 4096
)

// ParseArgs splits proc_pid_cmdline(5) into arguments, within the bounds. more
// says that data is not all of it.
func ParseArgs(data []byte, more bool) (args [][]byte, cut bool) {
	if len(data) > MaxArgBytes {
		data, more = data[:MaxArgBytes], true
	}
	if !more {
		data = bytes.TrimSuffix(data, []byte{0})
	}
	if len(data) == 0 {
		return nil, more
	}
	for arg := range bytes.SplitSeq(data, []byte{0}) {
		if len(args) == MaxArgs {
			return args, true
		}
		args = append(args, arg)
	}
	return args, more
}
