//go:build linux

package canary

import (
	"sync"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/proc"
)

// actor is a process that touched a canary, as far as it could be read before
// it ended. It is shared between the goroutine that read it and Run; what is
// below done is written before done is closed, and after that by Run alone.
type actor struct {
	pid     int32
	how     string        // fact.AttributionProc, ...Fanotify or ...Audit
	dir     *proc.Dir     // nil where the process was gone
	glimpse *proc.Reading // what names it; nil where nothing could be read
	pin     proc.Pin
	done    chan struct{}

	event *AuditEvent // the audit's word on it; nil where there is none
	full  *proc.Reading
	block *blocks // made of the above, once
	once  sync.Once
}

// blocks are the parts of a fact that tell of a process.
type blocks struct {
	process *fact.Process
	user    *fact.User
	service *fact.Service
}

// newActor reads what names the process and holds on to its image. It takes
// the Dir over unless it fails.
func newActor(d *proc.Dir) (*actor, error) {
	a := &actor{pid: d.PID, how: fact.AttributionProc, dir: d, done: make(chan struct{})}
	pin, pinErr := d.PinExe()
	r, err := d.Glimpse()
	if err != nil {
		pin.Close()
		return nil, err
	}
	if pinErr != nil {
		pin = proc.NoPin
	}
	a.glimpse, a.pin = r, pin
	return a, nil
}

// whole is the process of which the actor is a thread: /proc answers to the
// number of a thread like to that of a process. It takes the actor over.
func (a *actor) whole(fs *proc.FS) (*actor, error) {
	defer a.discard()
	pid, err := a.dir.Leader()
	if err != nil {
		return nil, err
	}
	d, err := fs.Dir(pid)
	if err != nil {
		return nil, err
	}
	// As long as the thread is there, its process is, and nobody else has
	// the process's number.
	again, err := a.dir.Leader()
	if err == nil && again == pid {
		if l, err := newActor(d); err == nil {
			return l, nil
		}
	}
	d.Close()
	return nil, proc.ErrGone
}

// discard lets go of an actor that nobody has seen.
func (a *actor) discard() {
	close(a.done)
	a.close()
}

// complete reads the rest. It may wait for the process.
func (a *actor) complete() {
	r := *a.glimpse
	a.dir.Complete(&r)
	a.full = &r
	close(a.done)
}

// reading is the most that is known of the process by the time until, for
// which it waits.
func (a *actor) reading(until time.Time) *proc.Reading {
	if a.glimpse == nil {
		return nil
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-a.done:
		return a.full
	case <-timer.C:
		return a.glimpse
	}
}

// same tells whether two actors are one process.
func (a *actor) same(b *actor) bool {
	return a.pid == b.pid && (a.glimpse == nil || b.glimpse == nil || a.glimpse.StartTicks == b.glimpse.StartTicks)
}

// holds tells whether the process still has the file behind the descriptor.
func (a *actor) holds(fd string, key inodeKey) bool {
	if a.dir == nil {
		return false
	}
	dev, inode, err := a.dir.Target(fd)
	return err == nil && (inodeKey{dev, inode}) == key
}

// close lets go of the process and its image, once nobody reads them.
func (a *actor) close() {
	if a.dir == nil {
		return
	}
	a.once.Do(func() {
		go func() { // a lookout may still be reading
			<-a.done
			a.dir.Close()
			a.pin.Close()
		}()
	})
}
