//go:build linux

package process

import (
	"fmt"
	"os"
	"strings"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
)

// lossWindow is how long processes that were gone too soon are counted before
// they are told again. A busy host loses some in every scan.
const lossWindow = 15 * time.Second

// tally counts what was lost until it is told.
type tally struct {
	count       int64
	first, last time.Time
	told        time.Time
}

func (t *tally) add(n int64, now time.Time) {
	if t.count == 0 {
		t.first = now
	}
	t.count += n
	t.last = now
}

// tellGone tells how many processes were listed and gone before they could be
// read: at once, and then at most once in a window.
func (c *Collector) tellGone(now time.Time, last bool) {
	t := &c.gone
	if t.count == 0 || !last && now.Sub(t.told).Abs() < lossWindow {
		return
	}
	c.out.Emit(lossOf(t, now, c.Name(), ""))
	*t = tally{told: now}
}

// tellPutOff tells how many files wait to be hashed, when some have waited for
// longer than a window: the budget is spent faster than it grows.
func (c *Collector) tellPutOff(now time.Time) {
	s := c.hasher.Stats()
	if s.Oldest < lossWindow || now.Sub(c.putOff).Abs() < lossWindow {
		return
	}
	c.putOff = now
	f := lossOf(&tally{count: int64(s.Waiting), first: now.Add(-s.Oldest), last: now}, now, c.Name(),
		"hashing is put off, the budget of bytes a second is spent")
	f.Sensor.Cause = fact.LossHashBudget
	c.out.Emit(f)
}

// coverage is what was last told of how much can be seen.
type coverage struct {
	seen, blind int64
}

// tellCoverage tells how many processes the sensor may look into, when that
// has changed by more than the coming and going of a few.
func (c *Collector) tellCoverage() {
	if len(c.backlog) > 0 {
		return // not everybody has been met yet
	}
	now := coverage{seen: c.bodies - c.blind, blind: c.blind}
	if !now.differs(c.coverage) {
		return
	}
	c.coverage = now
	reason := "the image of every process can be read"
	if now.blind > 0 {
		reason = fmt.Sprintf("the images of %d of %d processes may not be read: those of other users need CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH", now.blind, now.seen+now.blind)
	}
	c.out.Emit(&fact.Fact{
		Time: c.host.Clock.Now(),
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorDegraded, Source: c.Name(), Reason: reason, Seen: now.seen, Unreadable: now.blind,
		},
	})
}

// differs tells whether the share of what cannot be seen moved by a twentieth,
// or from or to nothing.
func (v coverage) differs(old coverage) bool {
	if (v.blind == 0) != (old.blind == 0) {
		return true
	}
	return abs(v.share()-old.share()) >= 0.05
}

func (v coverage) share() float64 {
	if v.blind == 0 {
		return 0
	}
	return float64(v.blind) / float64(v.seen+v.blind)
}

func abs(f float64) float64 { return max(f, -f) }

// tellHidden tells where the proc file system is mounted so that other users'
// processes are not even listed: then no count of what is listed can show it.
func (c *Collector) tellHidden() {
	if os.Geteuid() == 0 {
		return
	}
	option := describe.HideOption(c.host.FS)
	if option == "" {
		return
	}
	c.out.Emit(&fact.Fact{
		Time: c.host.Clock.Now(),
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorDegraded, Source: c.Name(),
			Reason: fmt.Sprintf("proc is mounted with %s: processes of other users may not be listed at all", strings.ToValidUTF8(option, "\uFFFD")),
		},
	})
}
