package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// InUseError says that another command runs in the same folder.
type InUseError struct {
	Dir string
	PID int // 0 where the other one has not written it yet
}

func (e *InUseError) Error() string {
	by := "another picket"
	if e.PID > 0 {
		by = "picket with pid " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("%q is in use by %s; stop that one, or choose another --dir", e.Dir, by)
}

// acquire takes the folder for this process. The kernel gives the lock back
// when the process ends, however it ends; the file stays, because removing it
// would let two processes hold locks on two files of one name.
func (d Dir) acquire() (release func(), err error) {
	f, err := os.OpenFile(d.lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock: %w", err)
	}
	if err := lockFile(f); err != nil {
		defer f.Close()
		if errors.Is(err, errLocked) {
			return nil, &InUseError{Dir: string(d), PID: readPID(f)}
		}
		return nil, fmt.Errorf("locking %q: %w", d.lock(), err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("writing lock: %w", err)
	}
	return func() {
		_ = f.Truncate(0) // a stale pid would only mislead; the lock is what counts
		f.Close()
	}, nil
}

func readPID(f *os.File) int {
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}
