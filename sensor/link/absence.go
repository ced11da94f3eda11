package link

import (
	"fmt"
	"sync"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/queue"
)

// absence tells the hub when nobody watches the host, and when somebody does
// again. A sender that lives must not make a dead watcher look like quiet.
type absence struct {
	queue    *queue.Queue
	patience time.Duration

	mu     sync.Mutex // guards all below
	timer  *time.Timer
	since  time.Time
	reason string
	told   bool
}

// begin notes that the watcher is away, and why.
func (a *absence) begin(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reason = reason
	if a.timer != nil {
		return
	}
	a.since = time.Now()
	a.timer = time.AfterFunc(a.patience, a.tell)
}

// quit notes that it does not matter any more.
func (a *absence) quit() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clear()
}

func (a *absence) clear() (told bool) {
	if a.timer != nil {
		a.timer.Stop()
	}
	told = a.told
	a.timer, a.told = nil, false
	return told
}

// end notes that it is back.
func (a *absence) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.clear() {
		return
	}
	a.queue.Emit(degraded(fact.Sensor{
		Seen:   1, // which says that nothing is missing any more
		Reason: fmt.Sprintf("the watching process is connected again, after %v in which nothing was seen", time.Since(a.since).Round(time.Second)),
	}))
}

func (a *absence) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer == nil || a.told {
		return
	}
	a.told = true
	a.queue.Emit(degraded(fact.Sensor{
		Unreadable: 1,
		Reason:     "the watching process is not connected, nothing on this host is seen: " + a.reason,
	}))
}

func degraded(s fact.Sensor) *fact.Fact {
	s.Action, s.Source = fact.SensorDegraded, "watch"
	return &fact.Fact{Time: time.Now().UTC(), Kind: fact.KindSensor, Sensor: &s}
}
