//go:build linux

package packages_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/packagedb"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/packages"
)

func put(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, root string) *inventory.Reading {
	t.Helper()
	r, err := packages.New(packages.Config{DB: packagedb.Open(root)}).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	for _, f := range r.Facts {
		e, ok, err := f.Entity()
		if err != nil || !ok || e.Kind != fact.KindPackage || keys[e.Key] {
			t.Errorf("%+v: no entity of its own: %+v, %v, %v", f.Package, e, ok, err)
		}
		keys[e.Key] = true
	}
	return r
}

func TestPackagesOfEveryDatabase(t *testing.T) {
	root := t.TempDir()
	put(t, root, "var/lib/dpkg/status", "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n"+
		"Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n")
	put(t, root, "lib/apk/db/installed", "P:musl\nV:1.2.5-r0\nA:x86_64\n\n")
	r := read(t, root)
	if len(r.Facts) != 2 || len(r.Gaps) != 0 {
		t.Fatalf("facts %v, gaps %+v", r.Facts, r.Gaps)
	}
	if got, want := *r.Facts[0].Package, (fact.Package{Name: "musl", Version: "1.2.5-r0", Architecture: "x86_64", Type: "apk"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := *r.Facts[1].Package, (fact.Package{Name: "bash", Version: "5.2-1", Architecture: "amd64", Type: "deb"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestADatabaseThatCannotBeReadIsAGap(t *testing.T) {
	root := t.TempDir()
	put(t, root, "var/lib/dpkg/info/x.list", "")
	if err := unix.Mkfifo(filepath.Join(root, "var/lib/dpkg/status"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := read(t, root)
	if len(r.Gaps) != 1 || !r.Gaps[0].Whole || r.Gaps[0].Of != fact.KindPackage || r.Gaps[0].Cause != fact.LossUnreadable || r.Gaps[0].Count < 1 {
		t.Errorf("gaps %+v", r.Gaps)
	}
}

// ndb is a database of rpm with a header for each package: name, version,
// architecture.
func ndb(all ...[3]string) string {
	slots, blobs := make([]byte, 4096), []byte(nil)
	le := binary.LittleEndian
	copy(slots, "RpmP")
	le.PutUint32(slots[12:], 1)
	for i, p := range all {
		var index, data []byte
		for k, tag := range []uint32{1000, 1001, 1002, 1022} {
			value := append([]string{p[0], p[1], "1"}, p[2])[k]
			for _, n := range []uint32{tag, 6, uint32(len(data)), 1} {
				index = binary.BigEndian.AppendUint32(index, n)
			}
			data = append(append(data, value...), 0)
		}
		header := binary.BigEndian.AppendUint32(nil, 4)
		header = append(append(binary.BigEndian.AppendUint32(header, uint32(len(data))), index...), data...)
		blob := append([]byte("BlbS"), make([]byte, 12)...)
		le.PutUint32(blob[4:], uint32(i+1))
		le.PutUint32(blob[12:], uint32(len(header)))
		blob = append(append(blob, header...), make([]byte, 12)...)
		blob = append(blob, make([]byte, 16-len(blob)%16)...)
		slot := slots[32+16*i:]
		copy(slot, "Slot")
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32((len(slots)+len(blobs))/16))
		le.PutUint32(slot[12:], uint32(len(blob)/16))
		blobs = append(blobs, blob...)
	}
	return string(slots) + string(blobs)
}

func TestWhatIsInstalledSideBySideHasAnInstance(t *testing.T) {
	root := t.TempDir()
	put(t, root, "var/lib/rpm/Packages.db", ndb([3]string{"bash", "5", "x86_64"}, [3]string{"kernel-core", "6.1", "x86_64"},
		[3]string{"kmod-x", "1", "x86_64"}, [3]string{"kmod-x", "2", "x86_64"}, [3]string{"glibc", "2", "x86_64"}, [3]string{"glibc", "2", "i686"}))
	got := make(map[string]string)
	for _, f := range read(t, root).Facts {
		got[f.Package.Name+" "+f.Package.Version+" "+f.Package.Architecture] = f.Package.Instance
	}
	want := map[string]string{"bash 5-1 x86_64": "", "kernel-core 6.1-1 x86_64": "6.1-1", "kmod-x 1-1 x86_64": "1-1",
		"kmod-x 2-1 x86_64": "2-1", "glibc 2-1 x86_64": "", "glibc 2-1 i686": ""}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for key, instance := range want {
		if have, ok := got[key]; !ok || have != instance {
			t.Errorf("%s: instance %q, want %q", key, have, instance)
		}
	}
}

func TestThreat_S14_ANewlineInAPackagesNameStaysOneFact(t *testing.T) {
	root := t.TempDir()
	put(t, root, "var/lib/rpm/Packages.db", ndb([3]string{"evil\nPackage: other", "1", "noarch"}))
	if r := read(t, root); len(r.Facts) != 1 || r.Facts[0].Package.Name != "evil\nPackage: other" {
		t.Errorf("facts %+v", r.Facts)
	}
}

// The threat is a package manager that is not the host's own. There is none to
// run: the sensor is not linked with what could run it.
func TestThreat_S14_TheSensorRunsNoPackageManager(t *testing.T) {
	bin := t.TempDir()
	ran := filepath.Join(bin, "ran")
	for _, name := range []string{"dpkg", "dpkg-query", "rpm", "apk"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n: >"+ran+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("go", "list", "-deps", "picket.internal/cmd/picket-sensor").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("only %d packages in the sensor", len(deps))
	}
	for _, dep := range deps {
		if dep == "os/exec" || dep == "plugin" {
			t.Errorf("the sensor links %s", dep)
		}
	}
	t.Setenv("PATH", bin)
	read(t, "/")
	if _, err := os.Stat(ran); err == nil {
		t.Error("a package manager of PATH was run")
	}
}
