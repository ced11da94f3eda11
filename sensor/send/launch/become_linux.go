package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Become makes this process another program, with the arguments, of which the
// first is its name, and with the same environment and files. It returns only
// where that fails. Source: execve(2).
func Become(path string, args ...string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("starting %q: the path is not absolute", path)
	}
	return fmt.Errorf("starting %q: %w", path, syscall.Exec(path, args, os.Environ()))
}
