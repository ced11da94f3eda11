//go:build linux

package process

import (
	"sync"
	"time"

	"picket.internal/sensor/watch/internal/connector"
)

const (
	// maxFeed is how many events wait for Run; then the kernel keeps them,
	// and what the kernel cannot keep it says.
	maxFeed = 8192
	// maxPace is how many events are taken in a pace: more than processes can
	// make, but not more than threads that begin and end can, which must not
	// take a core.
	maxPace = 5000
	pace    = 100 * time.Millisecond
)

// feed takes events off the socket as they come, because the kernel keeps few.
type feed struct {
	sock *connector.Socket
	wake chan struct{}

	mu     sync.Mutex
	room   sync.Cond
	events []connector.Event
	spare  []connector.Event
	over   bool // there is nothing more to come
}

func newFeed(sock *connector.Socket) *feed {
	f := &feed{sock: sock, wake: make(chan struct{}, 1)}
	f.room.L = &f.mu
	return f
}

// run ends when the socket is closed or fails.
func (f *feed) run() {
	var events []connector.Event
	began, taken := time.Now(), 0
	for {
		var err error
		events, err = f.sock.Receive(events[:0])
		if !f.add(events, err != nil && len(events) == 0) {
			return
		}
		if taken += len(events); taken < maxPace {
			continue
		}
		if left := pace - time.Since(began); left > 0 {
			time.Sleep(left)
		}
		began, taken = time.Now(), 0
	}
}

// add hands events to Run; false says that there will be no more.
func (f *feed) add(events []connector.Event, over bool) bool {
	f.mu.Lock()
	for len(f.events) >= maxFeed && !f.over {
		f.room.Wait()
	}
	f.events = append(f.events, events...)
	f.over = f.over || over
	over = f.over
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return !over
}

// take is all that waits, until the next call; over says that nothing will.
func (f *feed) take() (events []connector.Event, over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events = f.events
	f.events, f.spare = f.spare[:0], events
	if cap(f.spare) > maxFeed/4 && len(events) < maxFeed/16 {
		f.spare = nil // after a burst
	}
	f.room.Signal()
	return events, f.over
}

// close ends run.
func (f *feed) close() {
	f.sock.Close()
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	f.room.Broadcast()
}
