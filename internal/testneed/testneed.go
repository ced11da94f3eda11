// Package testneed lets a test say what it needs of the machine: root, a
// command, a shared corpus. Where it is missing, the test is skipped with the
// reason and the remedy; under CI it fails instead, so that a green run never
// means that nothing ran.
//
// The package is for tests only and must never be linked into a binary.
package testneed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Missing skips the test with the reason; where CI=true it fails it.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// Root needs the user to be root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "needs root: run the test with sudo")
	}
}

// Command needs the command name and returns its path; remedy is the command
// line that installs it.
func Command(t testing.TB, name, remedy string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, fmt.Sprintf("needs %s: %s", name, remedy))
	}
	return path
}

// Corpus needs the shared corpus name, beside the repository in
// ../shared/corpora, and returns its path.
func Corpus(t testing.TB, name string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(root), "shared", "corpora", name)
	if _, err := os.Stat(path); err != nil {
		Missing(t, fmt.Sprintf("needs the corpus %s: put it at %s", name, path))
	}
	return path
}

// moduleRoot is the nearest folder upwards that holds a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("finding the module: no go.mod above the working directory")
		}
		dir = parent
	}
}
