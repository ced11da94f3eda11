//go:build linux

package login

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/regular"
)

// Config says where to look.
type Config struct {
	// Root is the folder that etc, run and var lie in; empty means /.
	Root string
	// Interval is the time between two looks where nothing calls for one
	// sooner; 0 means 5s.
	Interval time.Duration
	// Logger takes what only a maintainer can use; nil means none.
	Logger *eventlog.Logger

	clock clock.Clock
}

// settle is how long what was written gathers before it is read: programs
// write to several files at once, and a flood is read in larger parts.
const settle = 30 * time.Millisecond

// Collector tells logins.
type Collector struct {
	cfg Config
}

// New returns a collector of logins.
func New(cfg Config) *Collector {
	cfg.Root = filepath.Clean("/" + cfg.Root)
	if cfg.Interval <= 0 {
		cfg.Interval = 5 * time.Second
	}
	return &Collector{cfg: cfg}
}

// Name is "login".
func (c *Collector) Name() string { return "login" }

// Run tells the sessions that are open, and then what happens.
func (c *Collector) Run(ctx context.Context, out watch.Sink) error {
	r := newRun(c.cfg, out)
	defer r.close()
	var woken <-chan struct{}
	w, err := newWake()
	if err != nil {
		r.ledger.add(fact.LossWatchLimit, 1, fmt.Sprintf("logins are looked for every %v only: %v", c.cfg.Interval, err))
	} else {
		defer w.close()
		woken = w.c
	}
	tick := time.NewTicker(c.cfg.Interval)
	defer tick.Stop()
	for {
		// What a look found to read is watched before the next, so that
		// nothing is written in between unseen.
		for changed, n := true, 0; changed && n < 4; n++ {
			changed = w != nil && r.watch(w)
			for more := true; more && ctx.Err() == nil; {
				more = r.look()
			}
		}
		r.ledger.flush(false)
		select {
		case <-ctx.Done():
			r.ledger.flush(true)
			return nil
		case <-tick.C:
		case <-woken:
			select {
			case <-ctx.Done():
			case <-time.After(settle):
			}
		}
	}
}

// run is one run of the collector.
type run struct {
	cfg      Config
	out      watch.Sink
	ledger   ledger
	sessions sessions
	wtmp     tail
	btmp     tail
	records  [2]pieces // of wtmp, of btmp
	words    words
	blind    string // what could not be read, as last told
	watching bool   // no watch has failed yet
}

func newRun(cfg Config, out watch.Sink) *run {
	r := &run{cfg: cfg, out: out, watching: true}
	r.ledger = ledger{out: out, clock: cfg.clock}
	r.sessions = sessions{open: make(map[session]*state), path: r.path("/run/utmp"), tell: r.tellSession}
	size := RecordSize()
	r.wtmp = tail{path: r.path("/var/log/wtmp"), whole: int64(size)}
	r.btmp = tail{path: r.path("/var/log/btmp"), whole: int64(size)}
	r.records = [2]pieces{{size: size}, {size: size}}
	r.words = words{run: r, told: make(map[int64]bool)}
	// Their ends now, before anything is told: who was there is read after
	// that, so that nobody slips in between. What fails fails again in a look.
	_, _, _ = r.wtmp.open(), r.btmp.open(), r.words.begin()
	return r
}

func (r *run) path(p string) string { return filepath.Join(r.cfg.Root, p) }

func (r *run) close() {
	r.wtmp.close()
	r.btmp.close()
	r.words.close()
}

// watch has the kernel tell of what is there to read now. changed is true where
// that is something else than before.
func (r *run) watch(w *wake) (changed bool) {
	files := append([]string{r.sessions.path, r.wtmp.path, r.btmp.path}, r.words.files()...)
	folders := append([]string{r.path("/var/log")}, r.words.folders()...)
	for i, path := range append(files, folders...) {
		mask := uint32(maskWritten)
		if i >= len(files) {
			mask = maskNamed
		}
		other, err := w.watch(path, mask)
		changed = changed || other
		if (err == unix.ENOSPC || err == unix.ENOMEM) && r.watching {
			r.watching = false
			r.ledger.add(fact.LossWatchLimit, 1, fmt.Sprintf("logins are looked for every %v only: %v", r.cfg.Interval, err))
		}
	}
	return changed
}

// look goes once through everything; more says that there is more to read.
func (r *run) look() (more bool) {
	var blind []string
	note := func(path string, err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			blind = append(blind, fmt.Sprintf("%s: %v", path, bare(err)))
		}
	}
	note("/run/utmp", r.sessions.look(&r.ledger))
	l, err := r.wtmp.poll(func(b []byte) { r.records[0].take(b, r.sessions.record) }, r.records[0].fresh)
	note("/var/log/wtmp", err)
	r.lost("/var/log/wtmp", l)
	more = l.more
	// Messages before btmp: whether sshd is heard decides what counts there.
	again, err := r.words.look()
	note("messages of sshd", err)
	l, err = r.btmp.poll(func(b []byte) { r.records[1].take(b, r.failed) }, r.records[1].fresh)
	note("/var/log/btmp", err)
	r.lost("/var/log/btmp", l)
	r.degraded(strings.Join(blind, "; "))
	return more || again || l.more
}

// bare is an error without the path.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	for _, known := range []error{regular.ErrNotRegular, regular.ErrTooLarge} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

// degraded tells what cannot be read, where that has changed.
func (r *run) degraded(blind string) {
	if blind == r.blind {
		return
	}
	r.blind = blind
	reason := "everything that tells of logins can be read"
	if blind != "" {
		reason = "not everything that tells of logins can be read: " + blind
	}
	reason, _ = describe.Text(reason, 2<<10)
	r.out.Emit(&fact.Fact{Time: r.cfg.clock.Now(), Kind: fact.KindSensor, Sensor: &fact.Sensor{
		Action: fact.SensorDegraded, Source: "login", Reason: reason,
	}})
}

func (r *run) lost(path string, l look) {
	if l.cut {
		r.ledger.add(fact.LossUnreadable, 1, fmt.Sprintf("%s was cut: what was written since the last look is gone", path))
	}
	if l.behind {
		r.ledger.add(fact.LossInventory, 1, fmt.Sprintf("%s grew faster than it is read", path))
	}
}

// failed tells a refusal that btmp holds. Those of sshd are told by itself,
// where it is heard.
func (r *run) failed(b []byte) {
	rec, ok := ParseRecord(b)
	if !ok || (rec.Line == "ssh:notty" && r.words.heard()) {
		return
	}
	l := &fact.Login{Action: fact.Changed, Outcome: "failure", Source: "btmp"}
	r.emit(r.when(rec.Time), l, &rec)
}

func (r *run) tellSession(action, source string, rec *Record) {
	l := &fact.Login{Action: action, Source: source}
	at := r.cfg.clock.Now()
	if action == fact.Added || action == fact.Seen {
		l.Outcome = "success"
	}
	if action != fact.Seen {
		at = r.when(rec.Time)
	}
	r.emit(at, l, rec)
}

// when is the time of a record, where that can be true.
func (r *run) when(t time.Time) time.Time {
	now := r.cfg.clock.Now()
	if t.IsZero() || now.Sub(t).Abs() > time.Hour {
		return now
	}
	return t
}

func (r *run) emit(at time.Time, l *fact.Login, rec *Record) {
	l.PID = max(int64(rec.PID), 0)
	l.Terminal, _ = describe.Text(rec.Line, costName)
	if rec.Address.IsValid() {
		l.SourceIP = rec.Address.String()
	}
	r.tell(at, l, rec.User)
}

const costName = 512

func (r *run) tell(at time.Time, l *fact.Login, user string) {
	f := &fact.Fact{Time: at, Kind: fact.KindLogin, Login: l}
	if user != "" {
		f.User = &fact.User{}
		f.User.Name, _ = describe.Text(user, costName)
	}
	r.out.Emit(f)
}
