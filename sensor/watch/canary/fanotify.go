//go:build linux

package canary

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/watch/internal/proc"
)

// maskFan is what is asked of fanotify: only to be told. A mark that asks for
// permission would let a sensor that hangs hang the host.
const maskFan = unix.FAN_OPEN | unix.FAN_ACCESS | unix.FAN_MODIFY | unix.FAN_CLOSE_WRITE |
	unix.FAN_ATTRIB | unix.FAN_DELETE_SELF | unix.FAN_MOVE_SELF

// fanQueue is a fanotify group. It tells the process of every event, also of
// one that is gone by now; only root's sensor gets it.
type fanQueue struct {
	inbox
	fs   *proc.FS
	self int32
	buf  []byte
}

// fanBuffer holds some 60 events, each with a descriptor of its process.
const fanBuffer = 4 << 10

// HandedDown is the descriptor of the fanotify group that the environment tells
// of, as sd_listen_fds(3) has it, under the name fanotify; 0 where there is
// none. A group that was made with CAP_SYS_ADMIN tells the process of every
// event also to a sensor without it, of every file that the sensor may read.
func HandedDown(getenv func(string) string) int {
	count, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return 0
	}
	i := slices.Index(strings.Split(getenv("LISTEN_FDNAMES"), ":"), "fanotify")
	if i < 0 || i >= count {
		return 0
	}
	return 3 + i // SD_LISTEN_FDS_START
}

// fanGroup makes a group, or takes that which was handed down.
func fanGroup(given int) (int, error) {
	if given > 0 { // it outlives one Run
		fd, err := unix.FcntlInt(uintptr(given), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			err = unix.SetNonblock(fd, true)
		}
		return fd, err
	}
	const flags = unix.FAN_CLASS_NOTIF | unix.FAN_CLOEXEC | unix.FAN_NONBLOCK | unix.FAN_REPORT_FID
	fd, err := unix.FanotifyInit(flags|unix.FAN_REPORT_PIDFD, 0)
	if errors.Is(err, unix.EINVAL) { // before 5.15
		fd, err = unix.FanotifyInit(flags, 0)
	}
	return fd, err
}

// openFan opens a group; nil where the sensor may not.
func openFan(given int, fs *proc.FS, wake chan<- struct{}, log *eventlog.Logger) *fanQueue {
	fd, err := fanGroup(given)
	if err != nil {
		log.Debug("opening fanotify", "error", err)
		return nil
	}
	q := &fanQueue{fs: fs, self: int32(os.Getpid()), buf: make([]byte, fanBuffer)}
	q.fd, q.file, q.wake = fd, os.NewFile(uintptr(fd), "fanotify"), wake
	q.read = func() (batch, bool) {
		n, err := unix.Read(fd, q.buf)
		if err != nil || n <= 0 {
			return batch{}, false
		}
		return q.batch(q.buf[:n]), true
	}
	return q
}

// tryFill is fill, unless somebody else is at it already.
func (q *fanQueue) tryFill() bool {
	if !q.mu.TryLock() {
		return false
	}
	defer q.mu.Unlock()
	return q.fillLocked()
}

// mark asks for the events of the file at path and returns the name by which
// they tell it: file system and handle.
func (q *fanQueue) mark(path string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return "", err
	}
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
	if err != nil {
		return "", err
	}
	if err := unix.FanotifyMark(q.fd, unix.FAN_MARK_ADD|unix.FAN_MARK_DONT_FOLLOW, maskFan, unix.AT_FDCWD, path); err != nil {
		return "", err
	}
	return fanName(fs.Fsid.Val, handle.Type(), handle.Bytes()), nil
}

func fanName(fsid [2]int32, kind int32, handle []byte) string {
	b := binary.NativeEndian.AppendUint32(nil, uint32(fsid[0]))
	b = binary.NativeEndian.AppendUint32(b, uint32(fsid[1]))
	b = binary.NativeEndian.AppendUint32(b, uint32(kind))
	return string(append(b, handle...))
}

// fanEvent is one event of fanotify(7).
type fanEvent struct {
	mask  uint64
	pid   int32
	pidfd int    // -1 where there is none
	name  string // the file, as fanName says it
	who   *actor // the process, once it is looked at
}

// parseFan reads the events of one read, and tells whether all of it was
// events.
func parseFan(data []byte) (events []fanEvent, whole bool) {
	const head = 24 // length 4, version 1, reserved 1, header's length 2, mask 8, fd 4, pid 4
	for len(data) >= head {
		n := binary.NativeEndian.Uint32(data)
		start := binary.NativeEndian.Uint16(data[6:])
		if data[4] != unix.FANOTIFY_METADATA_VERSION || n < head || uint64(n) > uint64(len(data)) ||
			start < head || uint32(start) > n {
			return events, false
		}
		e := fanEvent{
			mask:  binary.NativeEndian.Uint64(data[8:]),
			pid:   int32(binary.NativeEndian.Uint32(data[20:])),
			pidfd: -1,
		}
		e.parseInfo(data[start:n])
		events = append(events, e)
		data = data[n:]
	}
	return events, len(data) == 0
}

// parseInfo reads what follows an event: type 1, padding 1, length 2, then for
// a file its system's id 8, handle length 4, type 4, handle; for a process a
// descriptor 4.
func (e *fanEvent) parseInfo(data []byte) {
	for len(data) >= 4 {
		kind, n := data[0], int(binary.NativeEndian.Uint16(data[2:]))
		if n < 4 || n > len(data) {
			return
		}
		body := data[4:n]
		switch {
		case kind == unix.FAN_EVENT_INFO_TYPE_PIDFD && len(body) >= 4:
			e.pidfd = max(-1, int(int32(binary.NativeEndian.Uint32(body))))
		case kind == unix.FAN_EVENT_INFO_TYPE_FID && len(body) >= 16:
			size := binary.NativeEndian.Uint32(body[8:])
			if uint64(size) > uint64(len(body)-16) {
				return
			}
			fsid := [2]int32{int32(binary.NativeEndian.Uint32(body)), int32(binary.NativeEndian.Uint32(body[4:]))}
			e.name = fanName(fsid, int32(binary.NativeEndian.Uint32(body[12:])), body[16:16+size])
		}
		data = data[n:]
	}
}

// batch looks at the processes of the events, each once and at once: many live
// for less than a millisecond longer.
func (q *fanQueue) batch(data []byte) batch {
	events, whole := parseFan(data)
	seen := make(map[int32]*actor)
	for i := range events {
		e := &events[i]
		if e.pid > 0 {
			a, ok := seen[e.pid]
			if !ok {
				a = q.actor(e)
				seen[e.pid] = a
			}
			e.who = a
		}
		if e.pidfd >= 0 {
			unix.Close(e.pidfd)
			e.pidfd = -1
		}
	}
	return batch{from: fromFan, fan: events, torn: !whole, at: time.Now()}
}

// actor reads the process of an event. Its number may have been given to
// another one since: only while the event's own descriptor says that the
// process is still there is what /proc shows under the number the same.
func (q *fanQueue) actor(e *fanEvent) *actor {
	gone := &actor{pid: e.pid, how: fact.AttributionFanotify, done: make(chan struct{})}
	close(gone.done)
	if e.pidfd < 0 {
		return gone
	}
	d, err := q.fs.Dir(e.pid)
	if err != nil {
		return gone
	}
	if err := unix.PidfdSendSignal(e.pidfd, 0, nil, 0); err == unix.ESRCH {
		d.Close()
		return gone
	}
	a, err := newActor(d)
	if err != nil {
		d.Close()
		return gone
	}
	a.how = fact.AttributionFanotify
	go a.complete()
	return a
}
