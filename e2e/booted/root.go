//go:build linux

package booted

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// base is installed on every host that systemd boots, openrc on the others.
var (
	base   = []string{"dbus", "sudo", "systemd", "systemd-sysv"}
	openrc = []string{"openrc", "sudo"}
)

// suite is the Debian that boots.
const suite = "bookworm"

// tree is a folder with a system that has the packages, made once a machine
// and then kept. Nobody may change it.
func tree(t testing.TB, packages []string) string {
	t.Helper()
	packages = slices.Sorted(slices.Values(packages))
	list := strings.Join(slices.Compact(packages), ",")
	sum := sha256.Sum256([]byte(suite + " " + list))
	dir := filepath.Join(cache(t), hex.EncodeToString(sum[:8]))
	unlock := lock(t, dir+".lock")
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("looking for %s: %v", dir, err)
	}
	half := dir + ".new" // what a killed test left half made
	if err := os.RemoveAll(half); err != nil {
		t.Fatalf("making room for a system: %v", err)
	}
	t.Logf("making a %s with %s, once", suite, list)
	out, err := exec.Command("mmdebstrap", "--quiet", "--variant=minbase", "--include="+list, suite, half).CombinedOutput()
	if err == nil {
		err = os.Rename(half, dir)
	}
	if err != nil {
		t.Fatalf("making a %s with %s: %v\n%s", suite, list, err, out)
	}
	return dir
}

// cache is where systems are kept between tests: a folder of root's, because
// what is in there is run as root.
func cache(t testing.TB) string {
	t.Helper()
	dir := "/var/cache/picket-e2e"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("making the folder of systems: %v", err)
	}
	return dir
}

// lock waits until no other test makes the same system.
func lock(t testing.TB, path string) (unlock func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatalf("waiting for other tests: %v", err)
	}
	return func() { f.Close() }
}

// clone copies a system. Where the file system can share blocks, it costs
// almost nothing; otherwise about a second.
func clone(t testing.TB, from string) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(from), "host-")
	if err != nil {
		t.Fatalf("making a folder for a host: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing a host: %v", err)
		}
	})
	if out, err := exec.Command("cp", "-a", "--reflink=auto", from+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copying a system: %v\n%s", err, out)
	}
	return dir
}

// cgroups makes a control group for a host and returns the files that move a
// process into it: two hosts in one group would share their units.
func cgroups(t testing.TB, name string) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatalf("looking for control groups: %v", err)
	}
	var doors []string
	for line := range strings.Lines(string(data)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		mounts := []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} // hybrid, or version 2 alone
		switch controllers {
		case "":
		case "name=systemd":
			mounts = []string{"/sys/fs/cgroup/systemd"}
		default:
			continue
		}
		i := slices.IndexFunc(mounts, func(m string) bool { return exists(filepath.Join(m, path, "cgroup.procs")) })
		if i < 0 {
			continue
		}
		dir := filepath.Join(mounts[i], path, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatalf("making a control group: %v", err)
		}
		t.Cleanup(func() { removeGroup(dir) })
		doors = append(doors, filepath.Join(dir, "cgroup.procs"))
	}
	if len(doors) == 0 {
		t.Fatal("there is no control group to put a host into")
	}
	return doors
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// removeGroup removes a control group and what the host made in it. What is
// left is empty and does no harm.
func removeGroup(dir string) {
	var groups []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			groups = append(groups, path)
		}
		return nil
	})
	for _, path := range slices.Backward(groups) {
		unix.Rmdir(path)
	}
}
