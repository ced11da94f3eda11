//go:build linux

package install

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/packaging"
)

// TestThreat_P1_SudoersIsNeverWideNorHalf: whatever the umask, the temporary
// file has its final mode when visudo looks at it, a file that visudo does not
// take leaves the old one, and nothing is left beside.
func TestThreat_P1_SudoersIsNeverWideNorHalf(t *testing.T) {
	testneed.Command(t, "visudo", "apt-get install sudo")
	h := &host{ctx: t.Context(), root: t.TempDir()}
	path := h.path(packaging.Sudoers.Path)
	defer unix.Umask(unix.Umask(0))
	if err := h.place(packaging.Sudoers, func(temporary string) error {
		info, err := os.Lstat(temporary)
		if err != nil || info.Mode() != 0o440 || filepath.Dir(temporary) != filepath.Dir(path) {
			t.Errorf("visudo is shown %v (%v)", info, err)
		}
		return h.checkSudoers(temporary)
	}); err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]string{"no sudoers at all": "picket ALL=(root", "cut off": "picket ALL = (root:root) NOPASSWD:"} {
		if err := replace(path, []byte(broken), 0o440, h.checkSudoers); err == nil {
			t.Errorf("%s: it was put in place", name)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != string(packaging.Sudoers.Content()) {
		t.Errorf("the file is %q (%v)", have, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside it lies %v (%v)", entries, err)
	}
}

// TestReplaceFollowsNoLink: a link that somebody has put at the temporary name
// is not written through.
func TestReplaceFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(victim, []byte("old"), 0o600), os.Symlink(victim, path+".new")); err != nil {
		t.Fatal(err)
	}
	if err := replace(path, []byte("new"), 0o644, nil); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(victim); string(data) != "old" {
		t.Errorf("the victim is %q", data)
	}
	if data, _ := os.ReadFile(path); string(data) != "new" {
		t.Errorf("the file is %q", data)
	}
}

// TestPackagedFiles: each can be opened, belongs to nobody but root to write,
// and is listed once.
func TestPackagedFiles(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range append(packaging.Files(), packaging.Sudoers, packaging.SendSandbox) {
		if len(f.Content()) == 0 || f.Mode&0o022 != 0 || seen[f.Path] || !filepath.IsAbs(f.Path) {
			t.Errorf("%s: %d bytes, mode %o", f.Path, len(f.Content()), f.Mode)
		}
		seen[f.Path] = true
	}
}
