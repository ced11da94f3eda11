//go:build linux

package proc_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestThreat_S3_TornGlimpse: the arguments that are read after a glimpse are
// told only where a look afterwards confirms that they are of its image.
func TestThreat_S3_TornGlimpse(t *testing.T) {
	const exiting = 0x4
	first, second := state("first", 0, 100, 200), state("second", 0, 100, 300)
	for _, c := range []struct {
		name       string
		stats      []string
		args       bool
		unreadable bool
	}{
		{"nothing happens", []string{first, first}, true, false},
		{"it executes", []string{first, second}, false, true},
		{"it executes and ends", []string{first}, false, false},
		{"it was ending before", []string{state("first", exiting, 100, 200)}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs, dir := hostile(t, 77, "")
			states(t, dir, c.stats)
			if err := os.WriteFile(filepath.Join(dir, "cmdline"), []byte("second\x00300\x00"), 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := fs.Dir(77)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			r, err := d.Glimpse()
			if err != nil {
				t.Fatal(err)
			}
			d.Complete(r)
			if told := len(r.Args) > 0; told != c.args {
				t.Errorf("arguments told: %v, want %v", told, c.args)
			}
			if slices.Contains(r.Unreadable, "args:exec") != c.unreadable {
				t.Errorf("unreadable is %q", r.Unreadable)
			}
		})
	}
}
