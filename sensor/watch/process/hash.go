//go:build linux

package process

import (
	"errors"
	"os"
	"sync"
	"time"
	"unique"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/proc"
)

// pending is a fact that waits for the hash of its image.
type pending struct {
	fact   *fact.Fact
	entry  *entry
	image  digest.Key
	due    time.Time // when it goes without
	late   bool      // it went without; a second fact brings the hash
	half   bool      // the image is hashed, or never will be; the script is not
	news   bool      // a hash is there that the fact went without
	script *scripted // to be hashed after the image
	vouch  *os.File  // to be asked about after that
	path   string    // of the image, raw bytes
}

// results are the answers of the hashing goroutine on their way to Run.
type results struct {
	wake chan struct{}

	mu      sync.Mutex
	settled []settled
}

type settled struct {
	p     *pending
	r     digest.Result
	vouch fact.Vouch
	what  int
}

// What a result is of.
const (
	ofImage = iota
	ofScript
	ofPackage
)

func newResults() *results { return &results{wake: make(chan struct{}, 1)} }

func (rs *results) add(s settled) {
	rs.mu.Lock()
	rs.settled = append(rs.settled, s)
	rs.mu.Unlock()
	select {
	case rs.wake <- struct{}{}:
	default:
	}
}

func (rs *results) take() []settled {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	all := rs.settled
	rs.settled = nil
	return all
}

// hash finds the hash of the image of a reading, or has it made, and sends the
// fact on its way. A fact whose hash is owed goes out only with it.
func (c *Collector) hash(d *proc.Dir, r *proc.Reading, e *entry, f *fact.Fact, owed bool) {
	image := r.Image.File
	p := &pending{fact: f, entry: e, image: image, due: c.host.Clock.Now().Add(c.cfg.HashWait), late: owed}
	if !owed {
		p.script, p.vouch, p.path = c.script(d, r, f.Process), c.vouch(d, r, f.Process), r.Path
	}
	now := func(result digest.Result) {
		c.hashed(e, image, f, result)
		p.half = true
		if p.script != nil || p.vouch != nil {
			if c.wait(e, p); c.next(p) {
				return
			}
			c.wait(e, nil)
		}
		if !owed || result.Status == fact.HashOK {
			c.out.Emit(f)
		}
	}
	if status, sum := c.cheapHash(d, r); status != "" {
		now(digest.Result{Status: status, SHA256: sum})
		return
	}
	file, err := openImage(d, r)
	if err != nil {
		now(digest.Result{Status: statusOf(err, f.Process)})
		return
	}
	if !owed {
		c.wait(e, p)
	}
	if !c.hasher.Sum(file, image, func(r digest.Result) { c.done.add(settled{p: p, r: r}) }) {
		if !owed {
			c.wait(e, nil)
		}
		now(digest.Result{Status: fact.HashDeferred})
	}
}

// openImage opens what was read, also when its process is gone. Where the
// reading does not hold on to it, the process may run something else by now:
// the error is then proc.ErrGone.
func openImage(d *proc.Dir, r *proc.Reading) (*os.File, error) {
	if r.Pin.Held() {
		return r.Pin.Open()
	}
	f, err := d.OpenExe()
	if err == nil && !r.Image.File.IsOf(f) {
		f.Close()
		return nil, proc.ErrGone
	}
	return f, err
}

// cheapHash answers without opening the image where that can be; the status is
// empty where it cannot.
func (c *Collector) cheapHash(d *proc.Dir, r *proc.Reading) (status, sum string) {
	switch {
	case r.Kernel():
		return fact.HashNone, ""
	case !r.HasImage && len(r.Unreadable) > 0:
		return fact.HashUnreadable, ""
	case !r.HasImage:
		return fact.HashGone, ""
	case r.Image.File.Size > c.hasher.MaxSize():
		return fact.HashTooLarge, ""
	}
	if sum, ok := c.hasher.Known(r.Image.File); ok {
		return fact.HashOK, sum
	}
	if d.Slow(r.Image) {
		return fact.HashSkippedFS, ""
	}
	return "", ""
}

// statusOf says why an image could not be opened.
func statusOf(err error, p *fact.Process) string {
	var errno unix.Errno
	switch {
	case errors.Is(err, proc.ErrGone):
		return fact.HashGone
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM):
		return fact.HashDeferred
	case errors.As(err, &errno):
		p.Unreadable = append(p.Unreadable, "content:"+proc.ErrnoName(errno))
	}
	return fact.HashUnreadable
}

// hashed enters a result into the fact and into what is known.
func (c *Collector) hashed(e *entry, image digest.Key, f *fact.Fact, r digest.Result) {
	p := f.Process
	p.HashStatus, p.Hash = r.Status, nil
	if r.Status == fact.HashOK {
		p.Hash = &fact.Hash{SHA256: r.SHA256}
	}
	if e.image.File != image {
		return // it runs something else by now
	}
	c.mu.Lock()
	e.unhash = r.Status == fact.HashDeferred
	if r.Status == fact.HashOK {
		e.hash = unique.Make(r.SHA256)
	}
	c.mu.Unlock()
}

// next begins what is still to be found out for a fact; false says that this
// was all.
func (c *Collector) next(p *pending) bool {
	return p.script != nil && c.sumScript(p) || p.vouch != nil && c.askOf(p)
}

// settle sends the facts whose hashes are there.
func (c *Collector) settle() {
	for _, s := range c.done.take() {
		p := s.p
		switch s.what {
		case ofImage:
			c.hashed(p.entry, p.image, p.fact, s.r)
			p.half = true
		case ofScript:
			p.take(s.r)
		case ofPackage:
			p.fact.Process.Package = &s.vouch
		}
		p.news = p.news || s.r.Status == fact.HashOK || s.what == ofPackage && s.vouch.Verdict != fact.VouchUnknown
		if c.next(p) {
			continue
		}
		if p.late && !p.news {
			continue // it was told as deferred, and there is no more to say
		}
		if p.late {
			p.fact.Process.Action = fact.ProcessSeen
			p.fact.Time = c.host.Clock.Now()
		}
		if p.entry.pending == p {
			c.wait(p.entry, nil)
		}
		c.out.Emit(p.fact)
	}
}

// hurry sends the fact that an entry waits with, because the next one of the
// same process is about to follow.
func (c *Collector) hurry(e *entry) {
	c.settle()
	p := e.pending
	if p == nil {
		return
	}
	c.wait(e, nil)
	p.late, p.news = true, false
	if !p.half {
		p.fact.Process.HashStatus = fact.HashDeferred
	}
	if p.script != nil {
		p.fact.Process.Script.HashStatus = fact.HashDeferred
	}
	c.out.Emit(p.fact)
}

// wait notes, or with nil strikes out, the fact that an entry waits with.
func (c *Collector) wait(e *entry, p *pending) {
	e.pending = p
	if p == nil {
		delete(c.waiting, e)
		return
	}
	c.waiting[e] = true
}

// expire sends what has waited for long enough.
func (c *Collector) expire(now time.Time) {
	for e := range c.waiting {
		if now.After(e.pending.due) {
			c.hurry(e)
		}
	}
}

// flush sends all that waits, at the end.
func (c *Collector) flush() {
	for e := range c.waiting {
		c.hurry(e)
	}
}
