package local

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// RunFromMemory replaces this process by a program that lies in anonymous
// memory only, the way malware runs without leaving a file. It is a part of
// the demo and returns only where it fails.
func RunFromMemory(program string, argv []string) error {
	image, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("reading program: %w", err)
	}
	// A name of its own: two demos on one machine see each other's programs,
	// and one's alert would be the other's duplicate.
	fd, err := unix.MemfdCreate("demo-"+strconv.Itoa(os.Getpid()), unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("making anonymous file: %w", err)
	}
	memory := os.NewFile(uintptr(fd), "memfd")
	if _, err := memory.Write(image); err != nil {
		return fmt.Errorf("filling anonymous file: %w", err)
	}
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	if err := syscall.Exec(path, argv, os.Environ()); err != nil {
		return fmt.Errorf("executing %s: %w", path, err)
	}
	return nil
}
