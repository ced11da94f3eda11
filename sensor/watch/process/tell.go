//go:build linux

package process

import (
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
)

// tell makes the fact of a reading. It goes out at once or, where its image is
// being hashed, when that is done.
func (c *Collector) tell(d *proc.Dir, r *proc.Reading, e *entry, action string) {
	c.hash(d, r, e, c.describe(r, e, action), false)
}

func (c *Collector) describe(r *proc.Reading, e *entry, action string) *fact.Fact {
	p := c.host.Process(r)
	p.Action = action
	p.Source = c.via
	p.Start = describe.StartText(e.start)
	c.host.Lineage(p, e.ppid, r.StartTicks, c.Kin)
	return &fact.Fact{
		Time:    c.when(e, action),
		Kind:    fact.KindProcess,
		Process: p,
		User:    c.host.Owner(r),
		Service: describe.Service(r.Unit),
	}
}

// when is when it happened: a start at the process's own start time, which is
// before the look that found it; all else at the look.
func (c *Collector) when(e *entry, action string) time.Time {
	now := c.host.Clock.Now()
	if action == fact.ProcessStart && e.start.Before(now) {
		return e.start
	}
	return now
}

// end tells the exit of a process that is not yet reaped.
func (c *Collector) end(e *entry, s *proc.Stat) {
	c.exit(e, c.exitCode(e, s))
	c.change(e, func() { e.ended = true })
}

// exitCode is the status that a process left behind. The kernel shows 0 to
// those who may not know it, so a 0 counts only where the sensor could see the
// process's image.
func (c *Collector) exitCode(e *entry, s *proc.Stat) *int64 {
	if s.ExitCode == 0 && !e.hasImage {
		return nil
	}
	return exitStatus(s.ExitCode)
}

// exitStatus is a status as wait(2) gives it the way a shell says it.
func exitStatus(status int64) *int64 {
	code := status >> 8 & 0xff
	if signal := status & 0x7f; signal != 0 {
		code = 128 + signal
	}
	return &code
}

// exit tells that a process is gone.
func (c *Collector) exit(e *entry, code *int64) { c.exitAt(e, code, c.host.Clock.Now()) }

func (c *Collector) exitAt(e *entry, code *int64, at time.Time) {
	if e.ended {
		return
	}
	c.hurry(e)
	p := c.block(&e.kept)
	p.Action, p.ExitCode, p.Source = fact.ProcessExit, code, c.via
	c.host.Lineage(p, e.ppid, e.stat.StartTicks, c.Kin)
	c.out.Emit(&fact.Fact{
		Time:    at,
		Kind:    fact.KindProcess,
		Process: p,
		User:    c.user(&e.kept),
		Service: describe.Service(e.unit),
	})
}
