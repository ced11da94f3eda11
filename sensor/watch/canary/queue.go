//go:build linux

package canary

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// source says which queue events came by.
type source int

const (
	fromFiles   source = iota // inotify on the canaries themselves
	fromFolders               // inotify on the folders that lead to them
	fromFan                   // fanotify on the canaries
)

func (s source) String() string {
	return [...]string{"canary", "folder", "fanotify"}[s]
}

// What is asked of inotify.
const (
	maskFile = unix.IN_OPEN | unix.IN_ACCESS | unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_CLOSE_NOWRITE |
		unix.IN_ATTRIB | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_DONT_FOLLOW
	maskAbove  = unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	maskFolder = maskAbove | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO
)

// batch is what one read of a queue brought.
type batch struct {
	from source
	data []byte
	fan  []fanEvent // instead of data, from fanotify
	torn bool       // with fan: half an event was left over
	at   time.Time
}

// maxPending is how many batches may wait for Run. Beyond, events stay with
// the kernel, which counts what it cannot keep.
const maxPending = 64

// inbox is what was read of a queue and not yet dealt with. Whoever reads the
// queue does so under its mutex, so that events stay in order.
type inbox struct {
	fd   int
	file *os.File
	wake chan<- struct{} // tells Run, with room for one
	read func() (batch, bool)

	mu      sync.Mutex
	pending []batch
	closed  bool
}

// fill reads one batch, without waiting, and tells whether there was one.
func (in *inbox) fill() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.fillLocked()
}

func (in *inbox) fillLocked() bool {
	if in.closed || len(in.pending) >= maxPending {
		return false
	}
	b, ok := in.read()
	if ok {
		in.pending = append(in.pending, b)
		select {
		case in.wake <- struct{}{}:
		default:
		}
	}
	return ok
}

// take reads all that there is now and hands it over.
func (in *inbox) take(before func()) []batch {
	before()
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.fillLocked() {
	}
	all := in.pending
	in.pending = nil
	return all
}

// pump reads the queue until it is closed.
func (in *inbox) pump(before func(), stop <-chan struct{}) error {
	raw, err := in.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("waiting for events: %w", err)
	}
	var pace pacer
	for {
		if err := raw.Read(func(uintptr) bool { return readable(in.fd) }); err != nil {
			return nil // closed: there is no other error
		}
		before()
		if !in.fill() { // somebody else was sooner, or Run is busy
			select {
			case <-stop:
				return nil
			case <-time.After(time.Millisecond):
			}
		}
		pace.wait()
	}
}

func (in *inbox) close() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	in.file.Close()
}

// readable tells whether there are events to read.
func readable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return n > 0 || (err != nil && err != unix.EINTR)
}

// queue is an inotify instance.
type queue struct {
	inbox
	buf []byte
}

func openQueue(from source, wake chan<- struct{}) (*queue, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("opening inotify: %w", os.NewSyscallError("inotify_init1", err))
	}
	q := &queue{buf: make([]byte, 64<<10)}
	q.fd, q.file, q.wake = fd, os.NewFile(uintptr(fd), "inotify"), wake
	q.read = func() (batch, bool) {
		n, err := unix.Read(fd, q.buf)
		if err != nil || n <= 0 {
			return batch{}, false
		}
		return batch{from: from, data: append([]byte(nil), q.buf[:n]...), at: time.Now()}, true
	}
	return q, nil
}

// add watches what is at path now. The number is the same for the same inode.
func (q *queue) add(path string, mask uint32) (wd int32, err error) {
	n, err := unix.InotifyAddWatch(q.fd, path, mask)
	return int32(n), err
}

func (q *queue) remove(wd int32) {
	_, _ = unix.InotifyRmWatch(q.fd, uint32(wd)) // it may be gone already, with its inode
}

// pacer lets a flood gather in the kernel, where like events melt into one,
// instead of waking the sensor for each. The first hundred in a tenth of a
// second pass at once.
type pacer struct {
	began time.Time
	reads int
}

func (p *pacer) wait() {
	now := time.Now()
	if now.Sub(p.began) > 100*time.Millisecond {
		p.began, p.reads = now, 0
	}
	if p.reads++; p.reads > 100 {
		time.Sleep(5 * time.Millisecond)
	}
}
