//go:build linux

package canary

import (
	"errors"
	"fmt"
	"os"
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

// queue is an inotify instance.
type queue struct {
	fd   int
	file *os.File
	from source
}

func openQueue(from source) (*queue, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("opening inotify: %w", os.NewSyscallError("inotify_init1", err))
	}
	return &queue{fd: fd, file: os.NewFile(uintptr(fd), "inotify"), from: from}, nil
}

func (q *queue) close() { q.file.Close() }

// add watches what is at path now. The number is the same for the same inode.
func (q *queue) add(path string, mask uint32) (wd int32, err error) {
	n, err := unix.InotifyAddWatch(q.fd, path, mask)
	return int32(n), err
}

func (q *queue) remove(wd int32) {
	_, _ = unix.InotifyRmWatch(q.fd, uint32(wd)) // it may be gone already, with its inode
}

// pump reads the queue until it is closed. What is not taken from out stays
// with the kernel, which counts what it cannot keep.
func (q *queue) pump(out chan<- batch, before func(), stop <-chan struct{}) error {
	buf := make([]byte, 64<<10)
	var pace pacer
	for {
		before()
		n, err := q.file.Read(buf)
		switch {
		case errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("reading %s events: %w", q.from, err)
		}
		b := batch{from: q.from, data: append([]byte(nil), buf[:n]...), at: time.Now()}
		select {
		case out <- b:
		case <-stop:
			return nil
		}
		pace.wait()
	}
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
