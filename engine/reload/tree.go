package reload

import (
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// tree keeps a watch on a folder, on every folder in it, and on the nearest
// folder above it that exists: that is where a removed folder comes back.
type tree struct {
	w    *fsnotify.Watcher
	dir  string // absolute, as configured
	root string // what dir was at the last look, links resolved; "" where it was gone
}

// maxWatched bounds the folders of a pack.
const maxWatched = 1000

// arm adds what is not watched yet. Adding twice is harmless, so it is done
// anew whenever something has changed.
func (t *tree) arm() {
	for above := filepath.Dir(t.dir); t.w.Add(above) != nil; above = filepath.Dir(above) {
		if above == filepath.Dir(above) {
			break
		}
	}
	watched := 0
	root, err := filepath.EvalSymlinks(t.dir)
	t.root = root
	if err != nil {
		return
	}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // gone meanwhile: its parent will tell
		case !d.IsDir():
			return nil
		case path != root && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case watched == maxWatched:
			return fs.SkipAll
		}
		watched++
		_ = t.w.Add(path)
		return nil
	})
}

// concerns reports whether an event can have changed the rules: it is about
// something inside the folder, the folder itself, or a folder above it.
func (t *tree) concerns(ev fsnotify.Event) bool {
	name := filepath.Clean(ev.Name)
	return inside(name, t.dir) || inside(name, t.root) || inside(t.dir, name) && ev.Op != fsnotify.Chmod
}

func inside(name, dir string) bool {
	return dir != "" && (name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/"))
}
