package inventory_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/inventory"
)

// files is a source whose packages are the lines of files.
type files struct {
	mu    sync.Mutex
	paths []string
	reads int
}

func (*files) Name() string       { return "files" }
func (*files) Kinds() []fact.Kind { return []fact.Kind{fact.KindPackage} }
func (s *files) Watch() []string  { return s.paths }

func (s *files) Read(context.Context) (*inventory.Reading, error) {
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	r := &inventory.Reading{}
	for _, path := range s.paths {
		entries, err := os.ReadDir(path)
		for _, e := range entries {
			r.Facts = append(r.Facts, pkg(e.Name(), "1"))
		}
		if err == nil {
			continue
		}
		text, _ := os.ReadFile(path)
		for line := range strings.FieldsSeq(string(text)) {
			r.Facts = append(r.Facts, pkg(line, "1"))
		}
	}
	return r, nil
}

// talk is a sink that tells a test what it heard.
type talk chan string

func (c talk) Emit(f *fact.Fact) { c <- short(f) }

func (c talk) wait(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case got := <-c:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("waited in vain for %q", want)
		}
	}
}

// Each way in which files change is noticed long before the hour is over.
func TestWatchNoticesEveryWayToChange(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("written"), []byte("one"), 0o600))
	must(os.WriteFile(at("replaced"), []byte("two"), 0o600))
	must(os.Mkdir(at("folder"), 0o700))
	must(os.Mkdir(at("elsewhere"), 0o700))
	must(os.WriteFile(at("elsewhere/target"), []byte("three"), 0o600))
	must(os.Symlink(at("elsewhere/target"), at("link")))
	s := &files{paths: []string{at("written"), at("replaced"), at("folder"), at("link"), at("not/there/yet")}}
	c, err := inventory.New(inventory.Config{Sources: []inventory.Source{s}, Interval: time.Hour})
	must(err)
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(talk, 100), make(chan error, 1)
	go func() { done <- c.Run(ctx, out) }()
	out.wait(t, "3 of package")

	must(os.WriteFile(at("written"), []byte("one uno"), 0o600))
	out.wait(t, "added uno 1")
	must(os.WriteFile(at("new"), []byte("two due"), 0o600))
	must(os.Rename(at("new"), at("replaced")))
	out.wait(t, "added due 1")
	must(os.WriteFile(at("folder/entry"), nil, 0o600))
	out.wait(t, "added entry 1")
	must(os.WriteFile(at("elsewhere/target"), []byte("three tre"), 0o600))
	out.wait(t, "added tre 1")
	must(os.MkdirAll(at("not/there"), 0o700))
	must(os.WriteFile(at("not/there/yet"), []byte("four"), 0o600))
	out.wait(t, "added four 1")
	must(os.Remove(at("written")))
	out.wait(t, "removed uno 1")
	must(os.WriteFile(at("written"), []byte("again"), 0o600))
	out.wait(t, "added again 1")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWatchPassesOverOtherFilesOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	s := &files{paths: []string{filepath.Join(dir, "ours")}}
	c, err := inventory.New(inventory.Config{Sources: []inventory.Source{s}, Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(talk, 100), make(chan error, 1)
	go func() { done <- c.Run(ctx, out) }()
	out.wait(t, "0 of package")
	for _, name := range []string{"theirs", "ours2", "ours"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out.wait(t, "added x 1")
	cancel()
	<-done
	if s.reads > 2 {
		t.Errorf("%d readings of a file that changed once", s.reads)
	}
}
