//go:build linux

package canary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/watch/internal/describe"
)

// word is the audit's word on what one process did to one watched file.
type word struct {
	key   inodeKey
	event *AuditEvent
	who   *actor
	opens bool // else a name or an attribute was changed, or tried to be
	place bool // the name was made or removed
	at    time.Time
}

// refused tells whether the kernel did not let it happen.
func (w *word) refused() bool { return w.event.Success == "no" }

const (
	maxWords = 256
	wordAge  = time.Second
)

// auditor listens to the kernel's audit by its multicast group, which needs
// CAP_AUDIT_READ and the initial namespaces. It tells of a file only where a
// rule asks for it: see Rules.
type auditor struct {
	fd      int
	file    *os.File
	host    *describe.Host
	targets *targets
	wake    chan struct{}

	mu    sync.Mutex
	words []word
	lost  loss
}

// loss counts what was lost until it is told.
type loss struct {
	count       int64
	first, last time.Time
	told        time.Time
}

func (l *loss) add(n int64, now time.Time) {
	if n > 0 && l.count == 0 {
		l.first = now
	}
	l.count, l.last = l.count+n, now
}

// groupReadLog is AUDIT_NLGRP_READLOG of linux/audit.h as a mask.
const groupReadLog = 1

// openAudit joins the group; nil where the sensor may not.
func openAudit(host *describe.Host, targets *targets, log *eventlog.Logger) *auditor {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_AUDIT)
	if err == nil {
		if err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groupReadLog}); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		log.Debug("joining the audit multicast group", "error", err)
		return nil
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20) // cut to net.core.rmem_max
	return &auditor{fd: fd, file: os.NewFile(uintptr(fd), "audit"), host: host, targets: targets, wake: make(chan struct{}, 1)}
}

// pump reads records until the socket is closed.
func (a *auditor) pump(before func(), _ <-chan struct{}) error {
	raw, err := a.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("waiting for audit records: %w", err)
	}
	var events AuditEvents
	buf := make([]byte, maxAuditRecord)
	for {
		deadline := time.Time{}
		if events.Waiting() {
			deadline = time.Now().Add(auditPatience)
		}
		_ = a.file.SetReadDeadline(deadline)
		var n int
		var from syscall.Sockaddr
		var failed error
		err := raw.Read(func(uintptr) bool {
			before()
			n, from, failed = syscall.Recvfrom(a.fd, buf, 0)
			return failed != unix.EAGAIN
		})
		now := time.Now()
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return nil // closed
		case failed == unix.ENOBUFS:
			a.lose(1, now) // how many, the holes in the numbers tell
		case err == nil && failed == nil && fromKernel(from):
			a.read(&events, buf[:n], now)
		}
		for e := events.Overdue(now); e != nil; e = events.Overdue(now) {
			a.take(e, now)
		}
		a.lose(events.Lost, now)
		events.Lost = 0
	}
}

func fromKernel(from syscall.Sockaddr) bool {
	nl, ok := from.(*syscall.SockaddrNetlink)
	return ok && nl.Pid == 0
}

// read takes one message: a header of netlink(7), of whose length the kernel
// has had more than one opinion, and the record's text.
func (a *auditor) read(events *AuditEvents, data []byte, now time.Time) {
	if len(data) < unix.NLMSG_HDRLEN {
		return
	}
	r, err := ParseAudit(binary.NativeEndian.Uint16(data[4:]), data[unix.NLMSG_HDRLEN:])
	if err != nil {
		a.lose(1, now)
	}
	if r.Serial == 0 {
		return
	}
	if e := events.Add(r, now); e != nil {
		a.take(e, now)
	}
}

// take keeps what an event says of the watched files.
func (a *auditor) take(e *AuditEvent, now time.Time) {
	var who *actor
	for i := range e.Paths {
		p := &e.Paths[i]
		key := inodeKey{p.Device, p.Inode}
		if p.NameType == "PARENT" || !a.targets.has(key) {
			continue
		}
		if who == nil {
			who = a.actor(e)
		}
		w := word{key: key, event: e, who: who, opens: e.opens(p), at: now}
		w.place = p.NameType == "DELETE" || p.NameType == "CREATE"
		a.keep(w, now)
	}
}

func (a *auditor) keep(w word, now time.Time) {
	a.mu.Lock()
	full := len(a.words) >= maxWords
	if !full && !slices.ContainsFunc(a.words, func(o word) bool { return o.event == w.event && o.key == w.key }) {
		a.words = append(a.words, w)
	}
	a.mu.Unlock()
	if full {
		a.lose(1, now)
		return
	}
	a.rouse()
}

func (a *auditor) rouse() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *auditor) lose(n int64, now time.Time) {
	if n == 0 {
		return
	}
	a.mu.Lock()
	a.lost.add(n, now)
	a.mu.Unlock()
	a.rouse()
}

// actor reads the process of an event, where it is still there and still runs
// what it ran then.
func (a *auditor) actor(e *AuditEvent) *actor {
	gone := &actor{pid: int32(e.PID), how: fact.AttributionAudit, event: e, done: make(chan struct{})}
	close(gone.done)
	d, err := a.host.FS.Dir(int32(e.PID))
	if err != nil {
		return gone
	}
	x, err := newActor(d)
	if err != nil {
		d.Close()
		return gone
	}
	if !e.fits(x, a.host) {
		x.discard()
		return gone
	}
	x.how, x.event = fact.AttributionAudit, e
	go x.complete()
	return x
}

// fits tells whether the process that was read is the one of the event: not
// one that got its number since, nor one that runs something else by now.
func (e *AuditEvent) fits(x *actor, host *describe.Host) bool {
	const slack = 50 * time.Millisecond // ticks, and the coarse clock of audit
	path := x.glimpse.Path
	return !host.Started(x.glimpse.StartTicks).After(e.Time.Add(slack)) &&
		x.glimpse.HasImage && (path == e.Executable || path+" (deleted)" == e.Executable)
}

// cut takes out the words that match.
func (a *auditor) cut(match func(*word) bool) []word {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var taken []word
	a.words = slices.DeleteFunc(a.words, func(w word) bool {
		if match(&w) {
			taken = append(taken, w)
			return true
		}
		return false
	})
	return taken
}

// roused tells that there is something to tell; it may be nil.
func (a *auditor) roused() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.wake
}

func (a *auditor) restless() bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.words) > 0 || a.lost.count > 0
}
