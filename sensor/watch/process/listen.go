//go:build linux

package process

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/connector"
)

// wanted are the events that are asked for.
const wanted = connector.Fork | connector.Exec | connector.UID | connector.GID | connector.Exit

const (
	// quiet is how long the kernel may say nothing before it is made to.
	quiet = 3 * time.Second
	// grace is how long it may take to say what it was made to.
	grace = time.Second
	// retry is how long a kernel that does not tell is left alone.
	retry = 30 * time.Second
	// calm is every how many intervals the processes are looked at while the
	// kernel tells what they do. What it does not tell, as an image that is
	// deleted while it runs, is still found within the same time: fewer looks,
	// each at more of them.
	calm = 5
)

// ear listens to the kernel, and makes sure that it still tells. All times are
// of CLOCK_MONOTONIC, in nanoseconds.
type ear struct {
	feed    *feed  // nil where nothing is to be heard
	live    bool   // the kernel has been heard of late
	since   uint64 // when that began
	heard   uint64 // the last event
	asked   uint64 // when it was last made to speak; 0 where it has answered
	again   uint64 // when to try anew
	plain   bool   // asked without saying for what, as old kernels need it
	told    bool   // that there is nothing to be heard
	unheard int64  // processes that a look found and the kernel did not tell of
	catch   bool   // events were lost: look at everything
}

// monotonic is the clock of the kernel's events, CLOCK_MONOTONIC: that of Go's
// runtime, which has it without asking the kernel.
func monotonic() uint64 { return origin.at + uint64(time.Since(origin.when)) }

var origin = func() (o struct {
	at   uint64
	when time.Time
}) {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	o.at, o.when = uint64(ts.Nano()), time.Now()
	return o
}()

// listen begins to listen, where that can be.
func (c *Collector) listen() {
	if c.cfg.ScanOnly || !c.host.FS.Own() {
		return
	}
	c.ear.again = monotonic() + uint64(retry)
	sock, err := connector.Open()
	if err != nil {
		c.tellDeaf(err)
		return
	}
	events := uint32(wanted)
	if c.ear.plain {
		events = 0
	}
	if err := sock.Listen(events); err != nil {
		sock.Close()
		c.tellDeaf(err)
		return
	}
	if c.cfg.listening != nil {
		c.cfg.listening(sock)
	}
	c.ear.feed = newFeed(sock)
	go c.ear.feed.run()
	c.ask()
}

// unlisten ends listening.
func (c *Collector) unlisten() {
	if c.ear.feed != nil {
		c.ear.feed.close()
		c.ear.feed = nil
	}
	c.ear.live, c.ear.asked = false, 0
	c.hears.Store(false)
}

// ask makes the kernel tell something.
func (c *Collector) ask() {
	c.ear.asked = monotonic()
	go pulse()
}

// pulse ends a thread of the sensor's own, which the kernel tells. The first
// thread of a process cannot end alone, so another one has to.
func pulse() {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	if unix.Gettid() != os.Getpid() {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
	}()
	<-done
	runtime.UnlockOSThread()
}

// wakes is what tells that events are there.
func (c *Collector) wakes() <-chan struct{} {
	if c.ear.feed == nil {
		return nil
	}
	return c.ear.feed.wake
}

// attend makes sure that the kernel still tells: any other listener may have
// turned it off.
func (c *Collector) attend() {
	now := monotonic()
	switch e := &c.ear; {
	case e.feed == nil:
		if e.again != 0 && now >= e.again {
			c.listen()
		}
	case e.asked != 0 && now > e.asked+uint64(grace):
		c.silent()
	case e.asked == 0 && now > e.heard+uint64(quiet):
		c.ask()
	}
}

// silent is what to do when the kernel did not tell what happened.
func (c *Collector) silent() {
	was, heard := c.ear.live, c.ear.heard
	c.unlisten()
	if was {
		c.ear.catch = true
		c.tellOverrun(c.wall(heard), "the process connector fell silent, as when another listener turns it off: listening anew")
		c.listen()
		return
	}
	c.ear.plain = !c.ear.plain
	if c.ear.plain { // before Linux 6.6 that is the only way
		c.listen()
		return
	}
	c.tellDeaf(fmt.Errorf("the process connector does not tell: it needs the initial pid and user namespaces and, before Linux 6.6, CAP_NET_ADMIN"))
}

// unannounced counts a process that a look found and that the kernel should
// have told of long before.
func (c *Collector) unannounced(ticks uint64) {
	const late = 2 * time.Second
	began := time.Duration(ticks) * clock.Tick
	if c.ear.live && began > c.asleep+time.Duration(c.ear.since)+late && c.host.Clock.SinceBoot() > began+late {
		c.ear.unheard++
	}
}

// tellUnheard tells how many there were.
func (c *Collector) tellUnheard() {
	n := c.ear.unheard
	if n == 0 {
		return
	}
	c.ear.unheard = 0
	f := lossOf(&tally{count: n, first: c.wall(c.ear.since), last: c.host.Clock.Now()}, c.host.Clock.Now(), c.Name(),
		"a look found processes of which the process connector had told nothing")
	f.Sensor.Cause = fact.LossConnector
	c.out.Emit(f)
}

// listened notes that the kernel has spoken.
func (c *Collector) listened(at uint64) {
	e := &c.ear
	e.heard = max(e.heard, at)
	if e.asked != 0 && at >= e.asked {
		if !e.live {
			e.live, e.told, e.since = true, false, at
			c.hears.Store(true)
		}
		e.asked = 0
	}
}

// wall is a time of the monotonic clock by the host's clock.
func (c *Collector) wall(at uint64) time.Time {
	return c.host.Clock.Now().Add(-time.Duration(monotonic() - at))
}

// tellDeaf tells once that processes which live for less than a look are not
// seen.
func (c *Collector) tellDeaf(err error) {
	if c.ear.told {
		return
	}
	c.ear.told = true
	c.out.Emit(&fact.Fact{
		Time: c.host.Clock.Now(),
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorDegraded, Source: c.Name(),
			Reason: fmt.Sprintf("processes that begin and end between two looks are not seen: %v", err),
		},
	})
}

// tellOverrun tells that the kernel told less than happened since a time, how
// much nobody knows.
func (c *Collector) tellOverrun(since time.Time, reason string) {
	now := c.host.Clock.Now()
	c.out.Emit(&fact.Fact{
		Time: now,
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorLoss, Cause: fact.LossConnector, Source: c.Name(), Reason: reason,
			First: since.Format(time.RFC3339Nano), Last: now.Format(time.RFC3339Nano),
		},
	})
}
