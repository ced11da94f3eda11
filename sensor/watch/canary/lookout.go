//go:build linux

package canary

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/watch/internal/proc"
)

// A process that reads a canary holds it open for some 30 µs, less than it
// takes to wake a thread elsewhere and let it look. So a thread waits on every
// processor, bound to it, with a short slice: the kernel lets it run at once
// in place of the process whose own call woke it, and while it looks, that
// process stands still. Measured on two processors, of 300 runs of cat each:
// one thread that the kernel may place found 45 to 70 %, one a processor 90 to 97 %.
const (
	maxLookouts = 16
	// slice is how long a lookout asks to run at a time; a short one is
	// served first. Kernels before 6.12 take no notice.
	slice = 100 * time.Microsecond
	// looksASecond bounds what a flood of touches can make a lookout do.
	looksASecond = 500
	// nearby is how many of the newest process ids are looked at.
	nearby = 4
)

// firstFDs are where a program that has just opened a file has it, most likely
// first: one that opened nothing else, one whose shell opened it for it, ...
var firstFDs = []string{"fd/3", "fd/0", "fd/4", "fd/5"}

// lookouts are the threads that find who touches a canary.
type lookouts struct {
	fs      *proc.FS
	targets *targets
	repeat  atomic.Pointer[[]int32] // processes that touched one lately
	busy    atomic.Int64            // how many look right now
	count   int
	end     int       // an eventfd that is written to at the end
	fan     *fanQueue // which they read too; nil where there is none
	stopped atomic.Bool
	found   *sightings
	log     *eventlog.Logger
}

// startLookouts starts n threads that wait for events of the inotify instance,
// which they leave to its reader, and of the fanotify group, which they read.
func startLookouts(n int, files *queue, fan *fanQueue, fs *proc.FS, targets *targets, log *eventlog.Logger) *lookouts {
	l := &lookouts{fs: fs, fan: fan, targets: targets, found: newSightings(), log: log}
	l.expect(nil)
	cpus := allowedCPUs()
	if n == 0 {
		n = min(len(cpus), maxLookouts)
	}
	if n < 0 {
		return l
	}
	var err error
	if l.end, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		log.Warn("starting lookouts", "error", err)
		return l
	}
	for i := range n {
		ep, err := l.epoll(files)
		if err != nil {
			log.Warn("starting lookouts", "error", err)
			break
		}
		l.count++
		cpu := -1
		if len(cpus) > 0 {
			cpu = cpus[i%len(cpus)]
		}
		go l.run(ep, cpu)
	}
	return l
}

// epoll waits for new events, edge by edge: those of inotify stay where they
// are.
func (l *lookouts) epoll(files *queue) (int, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return 0, err
	}
	edges := map[int]uint32{files.fd: unix.EPOLLIN | unix.EPOLLET, l.end: unix.EPOLLIN}
	if l.fan != nil {
		edges[l.fan.fd] = unix.EPOLLIN | unix.EPOLLET
	}
	for fd, events := range edges {
		if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
			unix.Close(ep)
			return 0, err
		}
	}
	return ep, nil
}

// expect sets the processes to look at besides the newest: whoever touched a
// canary lately is likely to do it again.
func (l *lookouts) expect(pids []int32) {
	if l != nil {
		l.repeat.Store(&pids)
	}
}

func (l *lookouts) stop() {
	if l == nil || l.stopped.Swap(true) || l.count == 0 {
		return
	}
	_, _ = unix.Write(l.end, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // a counter of 0 takes a 1
}

// idle tells whether nobody looks right now.
func (l *lookouts) idle() bool { return l == nil || l.busy.Load() == 0 }

// run is one thread.
func (l *lookouts) run(ep, cpu int) {
	runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
	defer unix.Close(ep)
	hasten(cpu, l.log)
	look := newGlance(l)
	defer look.close()
	events := make([]unix.EpollEvent, 2)
	began, looks := time.Now(), 0
	for {
		_, err := unix.EpollWait(ep, events, -1)
		if l.stopped.Load() {
			return
		}
		if err != nil {
			continue // a signal
		}
		l.busy.Add(1)
		if !look.fan() {
			look.around()
		}
		l.busy.Add(-1)
		if looks++; looks < looksASecond {
			continue
		}
		if rest := time.Second - time.Since(began); rest > 0 {
			time.Sleep(rest)
		}
		began, looks = time.Now(), 0
	}
}

// hasten binds the thread to a processor and asks for short slices.
func hasten(cpu int, log *eventlog.Logger) {
	if cpu >= 0 {
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			log.Debug("binding lookout to its processor", "cpu", cpu, "error", err)
		}
	}
	attr, err := unix.SchedGetAttr(0, 0)
	if err == nil {
		attr.Runtime = uint64(slice)
		err = unix.SchedSetAttr(0, attr, 0)
	}
	if err != nil {
		log.Debug("asking for short slices", "error", err)
	}
}

// allowedCPUs are the processors that the sensor may run on.
func allowedCPUs() []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil
	}
	var cpus []int
	for cpu := range 64 * len(set) {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}
