package reload

import (
	"io/fs"
	"sync"

	"picket.internal/engine/rule"
)

// CheckFiles is Check, and returns beside the set the files that were read for
// it, as they were: what is in the folder a moment later may be something else.
func CheckFiles(fsys fs.FS) (*rule.Set, map[string][]byte, rule.Findings) {
	r := &recorder{FS: fsys, files: map[string][]byte{}}
	set, findings := Check(r)
	return set, r.files, findings
}

// recorder is a folder that remembers what was read of it.
type recorder struct {
	fs.FS

	mu    sync.Mutex // the loader reads files side by side
	files map[string][]byte
}

// Stat implements fs.StatFS: a look at a pipe must not open it.
func (r *recorder) Stat(name string) (fs.FileInfo, error) { return fs.Stat(r.FS, name) }

// ReadDir implements fs.ReadDirFS.
func (r *recorder) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.FS, name) }

// Open implements fs.FS.
func (r *recorder) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if _, dir := f.(fs.ReadDirFile); dir {
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return f, nil
		}
	}
	return &recordedFile{File: f, to: r, name: name}, nil
}

type recordedFile struct {
	fs.File
	to   *recorder
	name string
	data []byte
}

func (f *recordedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.data = append(f.data, p[:n]...)
	return n, err
}

func (f *recordedFile) Close() error {
	f.to.mu.Lock()
	f.to.files[f.name] = f.data
	f.to.mu.Unlock()
	return f.File.Close()
}
