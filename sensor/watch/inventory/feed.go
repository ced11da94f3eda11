package inventory

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"picket.internal/fact"
)

const (
	// settle is how long a change may go on before it is read: what installs a
	// package writes more than one file.
	settle = 200 * time.Millisecond
	// rest is the least time between two readings of a source.
	rest = 500 * time.Millisecond
	// share is how much of the time readings that a watch asks for may take,
	// and purse how much of it can be saved up: a dozen changes in a row are
	// read as they come, a file that never stops changing is not.
	share = 0.05
	purse = 2 * time.Second
	// renew is how often everything is read and told of, changed or not.
	renew = 10 * time.Minute
)

// holding is what is known of one kind, and how far it has been told.
type holding struct {
	kind    fact.Kind
	stock   *stock // nil before the first reading
	omitted int64
	reason  string
	due     bool      // a snapshot is to be told
	said    time.Time // when the last one was
	wants   wants     // what the hub lacks
	order   time.Time // when it last asked
}

// feed is one source and when to read it. It belongs to the goroutine of Run,
// but for what read does.
type feed struct {
	source   Source
	number   int // in the table of sources
	holdings []*holding
	told     ledger

	busy   bool      // a reading is under way
	late   bool      // and takes too long
	began  time.Time // the last reading
	ended  time.Time
	next   time.Time // the next regular one
	asked  time.Time // when a watch asks for one; zero where none does
	credit time.Duration
	reset  time.Time // when credit was counted
	stamp  string
	whole  time.Time // the last reading that was not spared
}

func newFeed(s Source, number int) *feed {
	f := &feed{source: s, number: number, credit: purse, told: ledger{}}
	for _, k := range s.Kinds() {
		f.holdings = append(f.holdings, &holding{kind: k})
	}
	return f
}

// ready is when the next reading may begin.
func (f *feed) ready(now time.Time) time.Time {
	if f.asked.IsZero() {
		return f.next
	}
	early := later(f.asked.Add(settle), f.ended.Add(rest))
	if have := f.saved(now); have <= 0 {
		early = later(early, now.Add(time.Duration(float64(-have)/share)+time.Millisecond))
	}
	if early.Before(f.next) {
		return early
	}
	return f.next
}

// saved is how much time readings may take that are asked for.
func (f *feed) saved(now time.Time) time.Duration {
	return min(purse, f.credit+time.Duration(share*float64(now.Sub(f.reset))))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// begin notes that a reading begins.
func (f *feed) begin(now time.Time) {
	f.busy, f.late, f.began, f.asked = true, false, now, time.Time{}
}

// end notes that a reading has ended, and puts down what it cost.
func (f *feed) end(now time.Time, interval time.Duration) {
	f.credit = f.saved(now) - now.Sub(f.began)
	f.reset = now
	f.busy, f.ended = false, now
	f.next = later(f.began.Add(interval), now.Add(interval/2))
}

// result is what a reading brought.
type result struct {
	feed    *feed
	same    bool // the files are what they were
	stamp   string
	found   []found // one a kind, in the order of the holdings
	gaps    []Gap
	err     error
	watched error
	moved   bool // what is to be watched changed with this reading
}

// found is a kind of a reading, ready to be compared.
type found struct {
	items   []item
	stock   *stock // nil where the kind could not be read
	partial bool
	omitted int64
	reason  string
}

// read reads a source and compares nothing but what takes long. It runs in a
// goroutine of its own and touches nothing of the feed that changes.
func (f *feed) read(ctx context.Context, w watcher, stamp string, before []*stock) (r result) {
	r.feed = f
	defer func() {
		if p := recover(); p != nil {
			r = result{feed: f, err: fmt.Errorf("internal error: %v at %s", p, debug.Stack())}
		}
	}()
	// The watch comes first: what changes after it is read twice, not missed.
	paths := f.source.Watch()
	r.watched = w.arm(f.number, paths)
	if s, ok := f.source.(Stamper); ok {
		r.stamp = s.Stamp()
		if r.stamp != "" && r.stamp == stamp {
			r.same = true
			return r
		}
	}
	reading, err := f.source.Read(ctx)
	if err != nil || reading == nil {
		r.err = err
		if err == nil {
			r.err = fmt.Errorf("internal error: no reading and no error")
		}
		return r
	}
	if now := f.source.Watch(); !slices.Equal(now, paths) {
		r.watched, r.moved = w.arm(f.number, now), true
	}
	r.gaps = reading.Gaps
	for i, h := range f.holdings {
		one, more := settleKind(h.kind, reading, before[i])
		r.found = append(r.found, one)
		r.gaps = append(r.gaps, more...)
	}
	return r
}

// settleKind makes of a reading what is known of one kind.
func settleKind(kind fact.Kind, r *Reading, before *stock) (out found, more []Gap) {
	whole := false
	for _, g := range r.Gaps {
		if g.Of != kind {
			continue
		}
		out.partial = true
		out.omitted += max(g.Count, 1)
		out.reason = g.Reason
		whole = whole || g.Whole
	}
	if whole {
		return out, nil
	}
	items, l := sift(kind, r.Facts)
	for _, g := range l.gaps(kind) {
		more = append(more, g)
		out.omitted += g.Count
		out.partial = true
		out.reason = g.Reason
	}
	if out.partial {
		items = carry(items, before)
	}
	out.items, out.stock = items, newStock(kind, items)
	return out, more
}

// gaps says what was left out.
func (l lacks) gaps(kind fact.Kind) []Gap {
	var out []Gap
	say := func(n int64, cause, reason string) {
		if n > 0 {
			out = append(out, Gap{Of: kind, Cause: cause, Count: n, Reason: reason})
		}
	}
	say(l.large, fact.LossInventory, "larger or more than can be told")
	say(l.twins, fact.LossMalformed, "named like another one, and not the same")
	say(l.wrong, fact.LossMalformed, "read without what it is about")
	return out
}
