package launch

import (
	"os"
	"time"
)

// NewTest is a launcher with another sudo, or another socket, and a deadline.
func NewTest(mode Mode, path string, within time.Duration) *Launcher {
	l := New(mode)
	l.sudo, l.socket, l.within, l.owner = path, path, within, uint32(os.Getuid())
	return l
}
