//go:build linux

package canary_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"picket.internal/fact"
)

// inNamespaceAt runs a sensor over dir/a/b/canary in a mount namespace of its
// own, once it tells of it.
func inNamespaceAt(t *testing.T, prepare ...string) (s *sink, tell func(words ...any), dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "a/b/canary"), "x")
	write(t, filepath.Join(dir, "other/b/canary"), "x")
	s, p := inNamespace(t, append(prepare, filepath.Join(dir, "a/b/canary"))...)
	tell = func(words ...any) { fmt.Fprintln(p.in, words...) }
	for end := time.Now().Add(patience); s.len() == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		run(t, "cat", filepath.Join(dir, "a/b/canary"))
	}
	s.wait(t, 0, "read", isCanary("canary", fact.CanaryRead))
	return s, tell, dir
}

// TestThreat_S10_FolderMountedOver: a mount over a folder that leads to the
// canary puts another file in its place, which is told and watched; what is
// done to the one beneath, by its other name, is told too.
func TestThreat_S10_FolderMountedOver(t *testing.T) {
	for _, over := range []string{"a", "a/b"} {
		t.Run(over, func(t *testing.T) {
			s, tell, dir := inNamespaceAt(t)
			must(t, os.Link(filepath.Join(dir, "a/b/canary"), filepath.Join(dir, "link")))
			n := s.len()
			tell("mount", filepath.Join(dir, "other", over[1:]), filepath.Join(dir, over))
			f := s.wait(t, n, "move", isCanary("canary", fact.CanaryMove))
			if !f.Canary.Recovered {
				t.Errorf("told as %+v", f.Canary)
			}
			readUntilTold(t, s, filepath.Join(dir, "other/b/canary")) // which lies in its place for the sensor
			readUntilTold(t, s, filepath.Join(dir, "link"))           // the one beneath
			n = s.len()
			tell("umount", filepath.Join(dir, over), ".")
			s.wait(t, n, "back", isCanary("canary", fact.CanaryMove))
		})
	}
}

// TestThreat_S10_Unmounted: the file system of a canary goes, and the canary
// with it; once it is back, it is watched again.
func TestThreat_S10_Unmounted(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "mnt/below"), "")
	path := filepath.Join(dir, "mnt/canary")
	s, p := inNamespace(t, "tmpfs:"+filepath.Join(dir, "mnt"), path)
	awaitTold := func(what, action string, words ...any) {
		t.Helper()
		for end := time.Now().Add(patience); time.Now().Before(end); {
			n := s.len()
			fmt.Fprintln(p.in, words...)
			time.Sleep(150 * time.Millisecond) // the moment in which it is watched has no event
			facts, _ := s.since(n)
			for _, f := range facts {
				if isCanary("canary", action)(f) {
					return
				}
			}
		}
		facts, _ := s.since(0)
		t.Fatalf("%s is not told: %q", what, said(facts))
	}
	awaitTold("a write", fact.CanaryModify, "touch", path, ".")
	awaitTold("the end of its file system", fact.CanaryDelete, "umount", filepath.Join(dir, "mnt"), ".")
	fmt.Fprintln(p.in, "tmpfs", filepath.Join(dir, "mnt"), ".")
	awaitTold("a write on the next file system", fact.CanaryModify, "touch", path, ".")
}

// TestThreat_S10_SwappedParent: the way to a canary leads over a link, which is
// turned to another folder: what lies there is another file.
func TestThreat_S10_SwappedParent(t *testing.T) {
	for name, swap := range map[string]func(w *watched){
		"turned": func(w *watched) {
			must(t, os.Symlink(w.at("two"), w.at("next")))
			must(t, os.Rename(w.at("next"), w.at("way")))
		},
		"removed and made": func(w *watched) {
			must(t, os.Remove(w.at("way")))
			must(t, os.Symlink(w.at("two"), w.at("way")))
		},
		"a folder instead": func(w *watched) {
			must(t, os.Remove(w.at("way")))
			must(t, os.Rename(w.at("two"), w.at("way")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "one/canary"), "x")
			write(t, filepath.Join(dir, "two/canary"), "x")
			must(t, os.Symlink(filepath.Join(dir, "one"), filepath.Join(dir, "way")))
			w := start(t, plan{dir: dir, armed: 1, watch: map[string]string{"c": "way/canary"}})
			n := w.len()
			swap(w)
			w.wait(t, n, "move or delete", func(f *fact.Fact) bool {
				return isCanary("c", fact.CanaryMove)(f) || isCanary("c", fact.CanaryDelete)(f)
			})
			w.awaitArmed(1)
			w.awaitRead(t, w.at("way/canary"))
		})
	}
}

// readUntilTold reads a file until that is told: what took a canary's place is
// told first and watched then.
func readUntilTold(t *testing.T, s *sink, path string) {
	t.Helper()
	n := s.len()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		run(t, "cat", path)
		facts, _ := s.since(n)
		if slices.ContainsFunc(facts, isCanary("canary", fact.CanaryRead)) {
			return
		}
	}
	t.Fatalf("reading %s is not told", path)
}
