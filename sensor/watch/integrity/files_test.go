//go:build linux

package integrity_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/integrity"
)

// installed is a made-up installation and what watches it.
type installed struct {
	t    *testing.T
	root string
	c    *integrity.Collector
}

func install(t *testing.T) *installed {
	i := &installed{t: t, root: t.TempDir()}
	i.put("libexec/act", "wrapper", 0o755)
	i.put("sudoers.d/picket", "picket ALL = ...", 0o440)
	i.put("units/picket-send.service", "[Unit]", 0o644)
	i.put("units/other.service", "[Unit]", 0o644)
	i.put("trust/hub.pub", "key", 0o644)
	var err error
	i.c, err = integrity.New(integrity.Config{Version: "v1", Files: []integrity.File{
		{Role: fact.OwnWrapper, Path: i.at("libexec/act")},
		{Role: fact.OwnWrapper, Path: i.at("libexec/update")}, // not installed
		{Role: fact.OwnSudoers, Path: i.at("sudoers.d/picket")},
		{Role: fact.OwnUnit, Path: i.at("units/picket-*.*")},
		{Role: fact.OwnUnit, Path: i.at("units/picket-*.d/*")},
		{Role: fact.OwnTrust, Path: i.at("trust/*")},
		{Role: fact.OwnConfig, Path: i.at("trust/hub.*")}, // has a role already
	}})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *installed) at(name string) string { return filepath.Join(i.root, name) }

func (i *installed) put(name, content string, mode os.FileMode) {
	i.t.Helper()
	if err := os.MkdirAll(filepath.Dir(i.at(name)), 0o755); err != nil {
		i.t.Fatal(err)
	}
	if err := os.WriteFile(i.at(name), []byte(content), mode); err != nil {
		i.t.Fatal(err)
	}
	if err := os.Chmod(i.at(name), mode); err != nil {
		i.t.Fatal(err)
	}
}

// check holds a heartbeat against lines of role, path, content and mode.
func (i *installed) check(want ...string) {
	i.t.Helper()
	uid, gid := fmt.Sprint(os.Getuid()), fmt.Sprint(os.Getgid())
	var got []string
	for _, f := range i.c.Beat().Binary.Files {
		name := strings.TrimPrefix(f.Path, i.root+"/")
		if f.Error != "" {
			got = append(got, f.Role+" "+name+" "+f.Error)
			continue
		}
		if f.UID != uid || f.GID != gid {
			i.t.Errorf("%s belongs to %s:%s", name, f.UID, f.GID)
		}
		got = append(got, f.Role+" "+name+" "+f.Hash.SHA256[:8]+" "+f.Mode)
	}
	for n, line := range want {
		if role, rest, ok := strings.Cut(line, " = "); ok {
			content, mode, _ := strings.Cut(rest, " @")
			want[n] = role + " " + hash(content)[:8] + " " + mode
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		i.t.Errorf("(-want +got):\n%s", diff)
	}
}

const (
	wrapperLine = "wrapper libexec/act = wrapper @0755"
	sudoersLine = "sudoers sudoers.d/picket = picket ALL = ... @0440"
	trustLine   = "trust trust/hub.pub = key @0644"
	unitLine    = "unit units/picket-send.service = [Unit] @0644"
)

func TestOwnFilesAreTold(t *testing.T) {
	i := install(t)
	i.check(wrapperLine, sudoersLine, trustLine, unitLine)
	i.check(wrapperLine, sudoersLine, trustLine, unitLine)

	i.put("units/picket-send.service.d/evil.conf", "[Service]", 0o644)
	i.put("sudoers.d/picket", "ALL", 0o666)
	i.put("libexec/act", "WRAPPER", 0o755)
	if err := os.Remove(i.at("trust/hub.pub")); err != nil {
		t.Fatal(err)
	}
	i.check("wrapper libexec/act = WRAPPER @0755", "sudoers sudoers.d/picket = ALL @0666", unitLine,
		"unit units/picket-send.service.d/evil.conf = [Service] @0644")
}

// A unit that leads to /dev/null is masked; a FIFO never answers.
func TestOwnFilesThatAreNone(t *testing.T) {
	i := install(t)
	for _, err := range []error{
		os.Symlink("/dev/null", i.at("units/picket-watch.service")),
		unix.Mkfifo(i.at("trust/pipe"), 0o644),
		os.Symlink(i.at("nowhere"), i.at("trust/dangling")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	i.check(wrapperLine, sudoersLine, trustLine, "trust trust/pipe not a regular file", unitLine,
		"unit units/picket-watch.service not a regular file")
}

func TestOwnFilesOverTheBound(t *testing.T) {
	i := install(t)
	for n := range 100 {
		i.put(fmt.Sprintf("trust/%03d\n%s", n, strings.Repeat("\x01", 200)), "key", 0o644)
	}
	f := i.c.Beat()
	if b := f.Binary; len(b.Files) != 64 || !strings.Contains(b.Error, "40 files of Picket's own over the bound of 64") {
		t.Errorf("%d files, %q", len(b.Files), b.Error)
	}
	f.ID, f.Host.ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "h_x"
	if _, err := f.Encode(); err != nil {
		t.Error(err)
	}
}

// A folder that cannot be listed is told, and not taken for an empty one.
func TestOwnFolderThatCannotBeListed(t *testing.T) {
	i := install(t)
	if err := os.RemoveAll(i.at("trust")); err != nil {
		t.Fatal(err)
	}
	i.put("trust", "no folder", 0o644)
	i.check(wrapperLine, sudoersLine, "trust trust/* ENOTDIR", "config trust/hub.* ENOTDIR", unitLine)
}
