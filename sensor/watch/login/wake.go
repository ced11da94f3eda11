//go:build linux

package login

import (
	"os"

	"golang.org/x/sys/unix"
)

const (
	// The file itself was written to. journald writes through memory, and cuts
	// the file to its own size so that watchers see it.
	maskWritten = unix.IN_MODIFY | unix.IN_CLOSE_WRITE
	// Another file took a name in the folder.
	maskNamed = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ONLYDIR
)

// wake tells that something was written, and not what: a look at every file is
// cheap, and what is missed of one event is found with the next.
type wake struct {
	file *os.File
	wds  map[string]int
	c    chan struct{}
}

func newWake() (*wake, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	w := &wake{file: os.NewFile(uintptr(fd), "inotify"), wds: make(map[string]int), c: make(chan struct{}, 1)}
	go w.read()
	return w, nil
}

func (w *wake) read() {
	buf := make([]byte, 4<<10)
	for {
		if _, err := w.file.Read(buf); err != nil {
			return // closed
		}
		select {
		case w.c <- struct{}{}:
		default:
		}
	}
}

// watch watches what is at path now, in place of what was there before, and
// tells whether that is another file.
func (w *wake) watch(path string, mask uint32) (changed bool, err error) {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return false, err
	}
	var wd int
	var failed error
	if err := raw.Control(func(fd uintptr) { wd, failed = unix.InotifyAddWatch(int(fd), path, mask) }); err != nil {
		return false, err
	}
	if failed != nil {
		return false, failed
	}
	old, known := w.wds[path]
	if known && old != wd {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(old)) }) // gone with its file, or moved away
	}
	w.wds[path] = wd
	return !known || old != wd, nil
}

func (w *wake) close() { w.file.Close() }
