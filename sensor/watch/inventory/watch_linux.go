package inventory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"picket.internal/sensor/eventlog"
)

const (
	// maxPaths bounds what is watched for one source.
	maxPaths = 2048
	// gather is how long events gather in the kernel, where like ones melt
	// into one: however busy a folder is, it wakes the sensor so often only.
	gather = 100 * time.Millisecond

	maskNames = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_CLOSE_WRITE |
		unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_MASK_ADD
	// maskFile is for files: some are written to and stay open.
	maskFile = maskNames | unix.IN_MODIFY
)

// anything is the name by which a whole folder, or a file itself, is watched.
const anything = ""

// notify watches through inotify. A file is watched by its name in its folder,
// because most are replaced and not written to; one that does not exist, by
// what would have to be made first.
type notify struct {
	file *os.File
	fd   int
	stop chan struct{}
	wake chan struct{}

	mu    sync.Mutex
	marks map[int32]map[string]uint64 // by watch and name: the sources, a bit each
	fired uint64
}

// newWatcher opens inotify; where there is none, arm says so.
func newWatcher(log *eventlog.Logger) watcher {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		log.Warn("inventories are read by the clock only", "error", err)
		return deaf{fmt.Errorf("opening inotify: %w", os.NewSyscallError("inotify_init1", err))}
	}
	w := &notify{
		file: os.NewFile(uintptr(fd), "inotify"), fd: fd, stop: make(chan struct{}), wake: make(chan struct{}, 1),
		marks: map[int32]map[string]uint64{},
	}
	go w.listen()
	return w
}

func (w *notify) woken() <-chan struct{} { return w.wake }

func (w *notify) take() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	fired := w.fired
	w.fired = 0
	return fired
}

func (w *notify) close() {
	close(w.stop)
	w.file.Close()
}

// listen reads events until the watcher is closed.
func (w *notify) listen() {
	buf := make([]byte, 16<<10)
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return // closed: there is no other error
		}
		w.fire(parseEvents(buf[:n]))
		select {
		case <-w.stop:
			return
		case <-time.After(gather):
		}
	}
}

// fire notes whose files changed.
func (w *notify) fire(events []event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		switch {
		case e.mask&unix.IN_Q_OVERFLOW != 0:
			w.fired = ^uint64(0) // everything is read: so nothing is missed
		case e.mask&(unix.IN_IGNORED|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_UNMOUNT) != 0:
			for _, sources := range w.marks[e.wd] {
				w.fired |= sources
			}
		default:
			w.fired |= w.marks[e.wd][e.name] | w.marks[e.wd][anything]
		}
		if e.mask&unix.IN_IGNORED != 0 {
			delete(w.marks, e.wd)
		}
	}
	if w.fired != 0 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// arm watches the paths for a source, and lets go of what it had before.
func (w *notify) arm(source int, paths []string) error {
	want := map[int32]map[string]bool{}
	var failed error
	if over := len(paths) - maxPaths; over > 0 {
		paths = paths[:maxPaths]
		failed = fmt.Errorf("%d paths are not watched: %d are, which is the bound", over, maxPaths)
	}
	for _, path := range paths {
		failed = errors.Join(failed, w.armOne(path, want))
		if errors.Is(failed, unix.ENOSPC) {
			break // the rest would end alike
		}
	}
	w.commit(uint64(1)<<source, want)
	return failed
}

// armOne watches one path, as it is now. What cannot be watched for another
// reason than a lack of watches is read when its time comes.
func (w *notify) armOne(path string, want map[int32]map[string]bool) error {
	path = filepath.Clean(path)
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.IsDir():
		return w.add(path, maskNames, anything, want)
	case err == nil && info.Mode()&os.ModeSymlink != 0:
		// What it leads to, and the link itself, which may come to lead elsewhere.
		mask := uint32(maskFile)
		if to, err := os.Stat(path); err == nil && to.IsDir() {
			mask = maskNames
		}
		if err := w.add(path, mask, anything, want); err != nil {
			return err
		}
	}
	for path != "/" && path != "." {
		dir, name := filepath.Dir(path), filepath.Base(path)
		if to, err := os.Stat(dir); err == nil && to.IsDir() {
			return w.add(dir, maskFile, name, want)
		}
		path = dir
	}
	return nil
}

func (w *notify) add(path string, mask uint32, name string, want map[int32]map[string]bool) error {
	wd, err := unix.InotifyAddWatch(w.fd, path, mask)
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("watching %q: %w", path, err)
	}
	if err != nil {
		return nil
	}
	if want[int32(wd)] == nil {
		want[int32(wd)] = map[string]bool{}
	}
	want[int32(wd)][name] = true
	return nil
}

// commit makes want what is watched for a source.
func (w *notify) commit(bit uint64, want map[int32]map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for wd, names := range w.marks {
		for name := range names {
			if !want[wd][name] {
				if names[name] &^= bit; names[name] == 0 {
					delete(names, name)
				}
			}
		}
		if len(names) == 0 && want[wd] == nil {
			delete(w.marks, wd)
			_, _ = unix.InotifyRmWatch(w.fd, uint32(wd)) // it may be gone already, with its inode
		}
	}
	for wd, names := range want {
		if w.marks[wd] == nil {
			w.marks[wd] = map[string]uint64{}
		}
		for name := range names {
			w.marks[wd][name] |= bit
		}
	}
}
