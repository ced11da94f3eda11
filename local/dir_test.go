package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/local"
)

func TestPrepareRefusesWhatIsNotOurs(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(t *testing.T, dir string)
		want string
	}{
		{"others may write", func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o777)) }, "chmod go-w"},
		{"somebody's files", func(t *testing.T, dir string) { must(t, os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600)) }, "did not make"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.Chmod(dir, 0o700))
			tc.make(t, dir)
			if _, err := local.Dir(dir).Prepare(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("Prepare: %v; want %q", err, tc.want)
			}
			if entries, _ := os.ReadDir(dir); len(entries) > 1 {
				t.Errorf("a refused folder was written to: %v", entries)
			}
		})
	}
}

func TestPrepareTwice(t *testing.T) {
	dir := local.Dir(filepath.Join(t.TempDir(), "a", "b"))
	for range 2 {
		if _, err := dir.Prepare(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(string(dir))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v; want 0700", info.Mode().Perm(), err)
	}
}

func TestLockNamesTheHolder(t *testing.T) {
	dir := local.Dir(t.TempDir())
	release, err := dir.Acquire()
	must(t, err)
	_, err = dir.Acquire()
	var inUse *local.InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("second Acquire: %v; want InUseError with pid %d", err, os.Getpid())
	}
	release()
	release, err = dir.Acquire()
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	release()
}

func TestComplete(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	half := dir + ".new"
	must(t, os.Mkdir(half, 0o700)) // what a crash left
	must(t, os.WriteFile(filepath.Join(half, "stale"), nil, 0o600))
	made := 0
	fill := func(into string) error {
		made++
		must(t, os.Mkdir(into, 0o700))
		return os.WriteFile(filepath.Join(into, "key"), nil, 0o600)
	}

	failing := errors.New("disk full")
	if err := local.Complete(dir, func(string) error { return failing }); !errors.Is(err, failing) {
		t.Fatalf("Complete: %v; want %v", err, failing)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("a failed making left the folder")
	}
	for range 2 {
		must(t, local.Complete(dir, fill))
	}
	if made != 1 {
		t.Errorf("made %d times, want once", made)
	}
	if _, err := os.Stat(filepath.Join(dir, "stale")); err == nil {
		t.Error("what a crash left half made was kept")
	}
}

func TestQuoteArg(t *testing.T) {
	for in, want := range map[string]string{
		"/home/a/.local/state": "/home/a/.local/state",
		"/tmp/with space":      "'/tmp/with space'",
		"/tmp/o'clock":         `'/tmp/o'\''clock'`,
		"/tmp/$(reboot)":       "'/tmp/$(reboot)'",
		"":                     "''",
	} {
		if got := local.QuoteArg(in); got != want {
			t.Errorf("quoteArg(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestProgramNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "picket-hub"), nil, 0o600)) // not executable
	_, err := local.Program(dir, "picket-hub")
	if err == nil || !strings.Contains(err.Error(), "picket-hub") || !strings.Contains(err.Error(), "make build") {
		t.Errorf("program: %v; want the name and the remedy", err)
	}
	must(t, os.Chmod(filepath.Join(dir, "picket-hub"), 0o700))
	if got, err := local.Program(dir, "picket-hub"); err != nil || got != filepath.Join(dir, "picket-hub") {
		t.Errorf("program = %q, %v", got, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
