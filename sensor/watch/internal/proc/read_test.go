//go:build linux

package proc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/proc"
)

// state is a stat as the kernel shows it.
func state(name string, flags, code, stack int) string {
	return fmt.Sprintf("77 (%s) R 1 9 8 0 -1 %d 1 2 3 4 5 6 7 8 20 0 1 0 424242 1000 12 9 %d 95 %d", name, flags, code, stack)
}

// states makes the stat of a process say one thing after the other, a look
// each. What follows them is an error, as it is where the process is gone.
func states(t *testing.T, dir string, all []string) {
	t.Helper()
	path := filepath.Join(dir, "stat")
	os.Remove(path)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	for _, s := range all { // a look reads 1 KiB
		if n, err := unix.Write(fd, fmt.Appendf(nil, "%-1024s", s)); n != 1024 || err != nil {
			t.Fatal(n, err)
		}
	}
}

// TestThreat_S3_TornReading: between the stat, the image, the arguments and
// the owners a process may execute something else and end. What no look
// afterwards confirms to be of one image is read again, or not told.
func TestThreat_S3_TornReading(t *testing.T) {
	const forked, exiting = 0x40, 0x4
	var (
		first   = state("first", forked, 100, 200)
		halfway = state("first", forked, 0, 0) // the image is new, the name is not
		second  = state("second", 0, 100, 300)
		ends    = state("second", exiting, 100, 300)
		third   = state("third", 0, 100, 400)
	)
	for _, c := range []struct {
		name   string
		stats  []string
		noArgs bool // as where the process has not come to them
		want   string
		err    error // nil where it is of no interest
	}{
		{"nothing happens", []string{first, first}, false, "first", nil},
		{"it executes and ends", []string{first}, false, "", nil},
		{"it ends", []string{second}, false, "", nil},
		{"it was ending before", []string{ends}, false, "second", nil},
		{"it executes", []string{first, second, second}, false, "second", nil},
		{"it executes twice", []string{first, second, third, third}, false, "third", nil},
		{"it executes and ends after that", []string{first, second}, false, "", nil},
		{"it executes all the time", []string{first, second, third, first, first}, false, "", proc.ErrUnsettled},
		{"half executed", []string{halfway, halfway, halfway, halfway, second}, true, "", proc.ErrUnsettled},
		{"half executed, then whole", []string{halfway, halfway, second, second}, true, "second", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs, dir := hostile(t, 77, "")
			states(t, dir, c.stats)
			if err := os.Symlink("/proc/self/exe", filepath.Join(dir, "exe")); err != nil {
				t.Fatal(err)
			}
			if !c.noArgs {
				if err := os.WriteFile(filepath.Join(dir, "cmdline"), []byte("second\x00300\x00"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			d, err := fs.Dir(77)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			d.Hold()
			r, err := d.Read()
			switch {
			case c.want == "" && (err == nil || r != nil):
				t.Fatalf("told as %+v", r)
			case c.err != nil && !errors.Is(err, c.err):
				t.Fatalf("error %v, want %v", err, c.err)
			case c.want == "":
				return
			case err != nil:
				t.Fatal(err)
			}
			defer r.Release()
			if r.Name != c.want || !r.HasImage || !r.Pin.Held() {
				t.Errorf("told as %+v, want %s", r, c.want)
			}
		})
	}
}
