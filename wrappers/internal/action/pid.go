package action

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrGone is what a process is that has ended, reaped or not.
var ErrGone = os.ErrProcessDone

// Process is one process, held by a pidfd: signals reach it or nobody.
type Process struct {
	PID    int
	Start  uint64 // ticks from boot to its start: field 22 of /proc/PID/stat
	Inode  uint64 // of its pidfd: unlike every other's from Linux 6.9 on, one for all before
	Parent int
	Kernel bool // a thread of the kernel
	fd     int
}

// OpenProcess holds the process that has the number pid now. What it says was
// read while it was held and had not ended, so it is of no other process.
func OpenProcess(pid int) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, gone(err)
	}
	p := &Process{PID: pid, fd: fd}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil {
		p.Inode = st.Ino
		err = p.read()
	}
	if err == nil && p.Ended(0) {
		err = ErrGone
	}
	if err != nil {
		p.Close()
		return nil, gone(err)
	}
	return p, nil
}

func gone(err error) error { // EINVAL: before Linux 6.15, of a number that only a group or session has still
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		return ErrGone
	}
	return err
}

// read takes apart /proc/PID/stat. The name in it may hold anything, so that
// the fields are counted from behind it. Source: proc_pid_stat(5).
func (p *Process) read() error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return fmt.Errorf("malformed /proc/%d/stat %.100q", p.PID, stat)
	}
	var errs [3]error
	var flags uint64
	p.Parent, errs[0] = strconv.Atoi(fields[1])
	flags, errs[1] = strconv.ParseUint(fields[6], 10, 64)
	p.Start, errs[2] = strconv.ParseUint(fields[19], 10, 64)
	p.Kernel = flags&0x00200000 != 0 // PF_KTHREAD of linux/sched.h
	if errs != [3]error{} {
		return fmt.Errorf("malformed /proc/%d/stat %.100q", p.PID, stat)
	}
	return nil
}

// Close lets go of it.
func (p *Process) Close() { unix.Close(p.fd) }

// Signal sends a signal: to this process, or ErrGone. Source: pidfd_send_signal(2).
func (p *Process) Signal(sig unix.Signal) error { return gone(unix.PidfdSendSignal(p.fd, sig, nil, 0)) }

// Ended waits until all its threads have ended, or for d.
func (p *Process) Ended(d time.Duration) bool {
	for end := time.Now().Add(d); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(max(0, time.Until(end).Milliseconds())))
		if err != unix.EINTR {
			return n > 0
		}
	}
}

// Stopped reports whether no thread of it can run: a first thread that ended
// looks like a zombie while others go on.
func (p *Process) Stopped() bool { return p.all("TtZX") }

// Held reports the same of one that Stop has stopped: a thread that waits in
// the kernel, as for a child of vfork, stops before it comes out.
func (p *Process) Held() bool { return p.all("TtZXD") }

func (p *Process) all(states string) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID))
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if at := bytes.LastIndexByte(stat, ')') + 2; err == nil && (at >= len(stat) || !strings.ContainsRune(states, rune(stat[at]))) {
			return false
		}
	}
	return len(threads) > 0
}

// Stop stops it and waits until it is.
func (p *Process) Stop() error {
	if err := p.Signal(unix.SIGSTOP); err != nil {
		return err
	}
	for began := time.Now(); !p.Stopped(); { // the kernel tells nobody but the parent
		if p.Ended(time.Millisecond) {
			return ErrGone
		}
		if waited := time.Since(began); waited > time.Second && p.Held() {
			return nil
		} else if waited > 5*time.Second {
			return fmt.Errorf("stopping process %d: it did not stop within 5 s", p.PID)
		}
	}
	return nil
}

// Kill ends it and waits until it is.
func (p *Process) Kill() error {
	if err := p.Signal(unix.SIGKILL); err != nil {
		return err
	}
	if !p.Ended(5 * time.Second) {
		return fmt.Errorf("killing process %d: it did not end within 5 s", p.PID)
	}
	return nil
}

// PIDs are the numbers in use.
func PIDs() ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// Status is a field of /proc/PID/status. Source: proc_pid_status(5).
func Status(pid int, field string) (string, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, found := strings.Cut(string(status), "\n"+field+":")
	if err == nil && !found {
		err = fmt.Errorf("/proc/%d/status has no %s", pid, field)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value), err
}

// BootID names this boot of the host. Source: random(4).
func BootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}
