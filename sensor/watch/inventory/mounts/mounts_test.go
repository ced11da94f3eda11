//go:build linux

package mounts_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/ttar"
	"picket.internal/sensor/watch/inventory/mounts"
)

func TestParse(t *testing.T) {
	const text = `21 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
30 21 8:1 /var/a\040b /mnt/new\012line\134 ro,nosuid - ext4 /dev/sda1 rw,errors=remount-ro
31 21 0:9 / /empty rw - tmpfs  rw
32 21 0:9 / /x\400\04 rw - a.b a#b rw
garbage
33 21 0:9 / /no-dash rw tmpfs tmpfs rw
21 0 8:1 / / ro - ext4 /dev/sda1 rw
`
	want := []*fact.Mount{
		{Path: "/", Type: "ext4", Source: "/dev/sda1", Options: []string{"ro"}}, // the later lies above
		{Path: "/mnt/new\nline\\", Type: "ext4", Source: "/dev/sda1[/var/a b]", Options: []string{"ro", "nosuid", "errors=remount-ro"}},
		{Path: "/empty", Type: "tmpfs", Options: []string{"rw"}},
		{Path: `/x\400\04`, Type: "a.b", Source: "a#b", Options: []string{"rw"}},
	}
	got, bad := mounts.Parse([]byte(text))
	if diff := cmp.Diff(want, got); diff != "" || bad != 2 {
		t.Errorf("%d bad lines (-want +got):\n%s", bad, diff)
	}
}

func TestProcfsFixture(t *testing.T) {
	dir := t.TempDir()
	if err := ttar.Unpack(filepath.Join(testneed.Corpus(t, "procfs-fixtures"), "fixtures.ttar"), dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "fixtures/proc/26231/mountinfo"))
	if err != nil {
		t.Fatal(err)
	}
	all, bad := mounts.Parse(data)
	var got []string
	for _, m := range all {
		got = append(got, m.Path+" "+m.Type+" "+m.Source)
	}
	want := []string{
		"/sys sysfs sysfs", "/proc proc proc", "/ ext4 /dev/sda1", "/mnt/nfs/test nfs4 192.168.1.1:/srv/test", "/mnt/nfs/test nfs 192.168.1.1:/srv/test",
		"/var/lib/containers/storage/overlay xfs /dev/mapper/rhel-root[/var/lib/containers/storage/overlay]",
	}
	// The first line has two spaces before its mount point, as no kernel writes.
	if diff := cmp.Diff(want, slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "rootfs") })); diff != "" {
		t.Errorf("%d bad lines (-want +got):\n%s", bad, diff)
	}
}

// TestHere mounts something under a name that no line can hold as it is.
func TestHere(t *testing.T) {
	testneed.Root(t)
	dir := t.TempDir() + "/a b\nc\\\xff"
	os.Mkdir(dir, 0o755)
	if err := unix.Mount("picket test", dir, "tmpfs", unix.MS_NOSUID, "size=64k"); err != nil {
		testneed.Missing(t, "needs to mount: "+err.Error())
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	s, err := mounts.New(mounts.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Read(context.Background())
	if err != nil || r.Gaps != nil {
		t.Fatal(err, r.Gaps)
	}
	for _, f := range r.Facts {
		if m := f.Mount; m.Source == "picket test" && strings.HasSuffix(m.Path, `\\\xff`) {
			if !slices.Contains(m.Options, "nosuid") || !slices.Contains(m.Options, "size=64k") || m.Type != "tmpfs" {
				t.Errorf("it is %+v", m)
			}
			return
		}
	}
	t.Error("the mount is not found")
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	s, err := mounts.New(mounts.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		if _, err := s.Read(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
