//go:build linux

package account_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/account"
)

func etc(t *testing.T, passwd, group string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"passwd": passwd, "group": group} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNames(t *testing.T) {
	names := account.New(etc(t,
		"root:x:0:0:root:/root:/bin/sh\n#off:x:7:7\n+nis:x:8:8\nbroken\nno:number:x\ntoor:x:0:0::/:/bin/sh\nbad\xff:x:5:5\n"+
			strings.Repeat("n", 300)+":x:6:6\nlast:x:4294967295:1",
		"wheel:x:0:root\nusers:x:100:"))
	for id, want := range map[uint32]string{0: "root", 5: "bad\uFFFD", 6: "", 7: "", 8: "", 99: "", 1<<32 - 1: "last"} {
		if got := names.User(id); got != want {
			t.Errorf("user %d is %q, want %q", id, got, want)
		}
	}
	if got := names.Group(0); got != "wheel" {
		t.Errorf("group 0 is %q", got)
	}
}

func TestFollowsChanges(t *testing.T) {
	dir := etc(t, "a:x:1:1\n", "")
	path := filepath.Join(dir, "passwd")
	synctest.Test(t, func(t *testing.T) {
		names := account.New(dir)
		if got := names.User(1); got != "a" {
			t.Fatalf("user 1 is %q", got)
		}
		replace(t, path, "bb:x:1:1\n")
		if got := names.User(1); got != "a" {
			t.Errorf("the file was looked at again within the second: %q", got)
		}
		time.Sleep(2 * time.Second)
		if got := names.User(1); got != "bb" {
			t.Errorf("user 1 is %q after the change", got)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got := names.User(1); got != "bb" {
			t.Errorf("user 1 is %q without the file, want what was last known", got)
		}
	})
}

func replace(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestOddFiles(t *testing.T) {
	fifo := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(fifo, "passwd"), 0o644); err != nil {
		t.Fatal(err)
	}
	huge := etc(t, "", "")
	if err := os.Truncate(filepath.Join(huge, "passwd"), 1<<30); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{fifo, huge, t.TempDir()} {
		if got := account.New(dir).User(0); got != "" {
			t.Errorf("user 0 is %q", got)
		}
	}
}
