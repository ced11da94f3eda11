package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"picket.internal/internal/testneed"
)

// TestMain is the program itself where a test starts it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("PICKET_HUB_RUN") == "1" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// A unit runs the hub as a user of its own, and root changes its keys: what root
// leaves in the folder must be that user's, or the hub does not start again.
func TestRootChangesKeysAsTheHubsUser(t *testing.T) {
	testneed.Root(t)
	const nobody = 65534
	dir := initialised(t)
	for parent := filepath.Dir(dir); strings.HasPrefix(parent, os.TempDir()+"/"); parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	give := func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	}
	if err := filepath.WalkDir(dir, give); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"add", "token"}, {"add", "log"}, {"use", "token", "--force"}, {"use", "tls", "--force"}, {"retire", "token", "--force"}} {
		cmd := exec.Command(os.Args[0], append(append([]string{"keys"}, args...), "--dir", dir)...)
		cmd.Env = append(os.Environ(), "PICKET_HUB_RUN=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("keys %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody {
			t.Errorf("%s belongs to %d:%d", path, owner.Uid, owner.Gid)
		}
		files++
		return nil
	})
	if err != nil || files < 10 {
		t.Errorf("%d files were looked at: %v", files, err)
	}
	// Into a folder of another, root writes nothing by a name that leads elsewhere.
	elsewhere := t.TempDir()
	if err := os.Rename(filepath.Join(dir, "keys"), filepath.Join(elsewhere, "keys")); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(filepath.Join(elsewhere, "keys"), 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "keys"), filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "keys", "add", "evidence", "--dir", dir)
	cmd.Env = append(os.Environ(), "PICKET_HUB_RUN=1")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "permission denied") {
		t.Errorf("by a link of the user's: %v\n%s", err, out)
	}
}
