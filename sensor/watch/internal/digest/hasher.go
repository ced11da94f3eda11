//go:build linux

package digest

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"picket.internal/fact"
)

// Config bounds a Hasher.
type Config struct {
	// MaxSize is the largest file that is read; 0 means 256 MiB.
	MaxSize int64
	// Timeout is how long one file may take; 0 means 10s.
	Timeout time.Duration
	// Rate is how many bytes a second are read in the long run; 0 means 32
	// MiB. After a rest, eight seconds' worth may be read at once. Files wait
	// for it in their order, so that none waits for ever; what cannot wait is
	// read at once, and the others wait for longer.
	Rate int64
	// Remember is how many digests are kept; 0 means 4,096.
	Remember int
	// Waiting is how many files may wait, each with a file descriptor; 0
	// means 128.
	Waiting int
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.MaxSize <= 0 {
		c.MaxSize = 256 << 20
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Rate <= 0 {
		c.Rate = 32 << 20
	}
	if c.Remember <= 0 {
		c.Remember = 4096
	}
	if c.Waiting <= 0 {
		c.Waiting = 128
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// maxLost is how many files may never have answered before hashing stops
// until one of them does: each holds a goroutine and maybe a thread.
const maxLost = 4

// maxUrgent is how many files are hashed beside the others.
const maxUrgent = 4

// Result is what became of hashing: a status of the fact package, and the
// digest where that is ok.
type Result struct {
	SHA256 string
	Status string
}

// Hasher hashes files one after the other, but for the urgent ones, and
// remembers the digests. It is
// safe for concurrent use.
type Hasher struct {
	cfg   Config
	reads atomic.Int64
	bytes atomic.Int64
	hits  atomic.Int64
	rate  allowance

	mu      sync.Mutex
	cache   *cache
	jobs    map[Key]*job // waiting and being read
	queue   []*job
	working bool // a worker is there
	urgent  int  // files that could not wait, being read
	lost    int  // workers that a file never let go
}

type job struct {
	since time.Time // it waits
	key   Key
	file  *os.File
	done  []func(Result)
	over  bool // answered; guarded by the Hasher's mutex

	urgent bool // has a goroutine of its own
}

// New returns a Hasher. It needs no stopping: without work it has no goroutine.
func New(cfg Config) *Hasher {
	cfg = cfg.withDefaults()
	return &Hasher{cfg: cfg, rate: newAllowance(cfg.Rate), cache: newCache(cfg.Remember), jobs: make(map[Key]*job)}
}

// MaxSize is the largest file that is read.
func (h *Hasher) MaxSize() int64 { return h.cfg.MaxSize }

// Reads is how many files were read, for tests and for the sensor's own word
// on what it costs.
func (h *Hasher) Reads() int64 { return h.reads.Load() }

// Stats is what hashing has cost, and what of it is put off.
type Stats struct {
	Reads   int64         // files read
	Bytes   int64         // read of them
	Hits    int64         // digests that were remembered
	Waiting int           // files that wait their turn
	Oldest  time.Duration // how long the first of them has waited
}

// Stats is what there is to say by now.
func (h *Hasher) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{Reads: h.reads.Load(), Bytes: h.bytes.Load(), Hits: h.hits.Load(), Waiting: len(h.queue)}
	if len(h.queue) > 0 {
		s.Oldest = time.Since(h.queue[0].since)
	}
	return s
}

// Known is the digest of content that was hashed before.
func (h *Hasher) Known(k Key) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.remembered(k)
}

// remembered is the cache's answer, counted. The mutex is held.
func (h *Hasher) remembered(k Key) (string, bool) {
	sum, ok := h.cache.get(k)
	if ok {
		h.hits.Add(1)
	}
	return sum, ok
}

// Sum hashes f, which it takes over and closes, and calls done once, maybe
// before it returns, else on another goroutine; done must not block. k is the
// key that the caller saw. False means that too much waits already: done is
// not called.
func (h *Hasher) Sum(f *os.File, k Key, done func(Result)) bool { return h.take(f, k, done, false) }

// SumNow is Sum for what cannot wait its turn: it is hashed beside the rest,
// unless too much else is that could not wait.
func (h *Hasher) SumNow(f *os.File, k Key, done func(Result)) bool { return h.take(f, k, done, true) }

func (h *Hasher) take(f *os.File, k Key, done func(Result), urgent bool) bool {
	if k.Size > h.cfg.MaxSize {
		f.Close()
		done(Result{Status: fact.HashTooLarge})
		return true
	}
	h.mu.Lock()
	if sum, ok := h.remembered(k); ok {
		h.mu.Unlock()
		f.Close()
		done(Result{SHA256: sum, Status: fact.HashOK})
		return true
	}
	defer h.mu.Unlock()
	j, known := h.jobs[k]
	if known {
		f.Close()
		j.done = append(j.done, done)
	} else {
		if len(h.queue) >= h.cfg.Waiting || h.lost >= maxLost {
			f.Close()
			return false
		}
		j = &job{since: time.Now(), key: k, file: f, done: []func(Result){done}}
		h.jobs[k] = j
		h.queue = append(h.queue, j)
	}
	h.begin(j, urgent)
	return true
}

// begin sees to it that somebody works on a job. The mutex is held.
func (h *Hasher) begin(j *job, urgent bool) {
	at := slices.Index(h.queue, j)
	if urgent && at >= 0 && h.urgent < maxUrgent {
		h.queue = slices.Delete(h.queue, at, at+1)
		h.urgent++
		j.urgent = true
		go h.workNow(j)
		return
	}
	if len(h.queue) > 0 && !h.working {
		h.working = true
		go h.work()
	}
}

// work hashes what waits and ends when nothing does, or when a file took so
// long that another worker has its place.
func (h *Hasher) work() {
	for {
		h.mu.Lock()
		if len(h.queue) == 0 {
			h.working = false
			h.queue = nil
			h.mu.Unlock()
			return
		}
		if wait := h.rate.wait(time.Now()); wait > 0 {
			h.mu.Unlock()
			time.Sleep(wait)
			continue
		}
		j := h.queue[0]
		h.queue[0] = nil
		h.queue = h.queue[1:]
		h.mu.Unlock()
		if !h.run(j) {
			return
		}
	}
}

// workNow hashes one file that cannot wait.
func (h *Hasher) workNow(j *job) {
	h.run(j)
	h.mu.Lock()
	h.urgent--
	h.mu.Unlock()
}

// run hashes a file and tells whether anybody still waited for it.
func (h *Hasher) run(j *job) bool {
	// The limit holds twice: between reads by the deadline, and for a read
	// that never returns by giving the worker up.
	timer := time.AfterFunc(h.cfg.Timeout+h.cfg.Timeout/2, func() { h.giveUp(j) })
	result, keep := h.read(j)
	j.file.Close()
	timer.Stop()
	if h.answer(j, result, keep) {
		return true
	}
	h.mu.Lock()
	h.lost--
	h.mu.Unlock()
	return false
}

// answer tells everybody who waits for the job, unless giveUp already has.
func (h *Hasher) answer(j *job, r Result, keep bool) bool {
	h.mu.Lock()
	if j.over {
		h.mu.Unlock()
		return false
	}
	j.over = true
	delete(h.jobs, j.key)
	if keep {
		h.cache.put(j.key, r.SHA256)
	}
	done := j.done
	h.mu.Unlock()
	for _, f := range done {
		f(r)
	}
	return true
}

// giveUp answers for a worker that a file holds, and puts another in its place.
func (h *Hasher) giveUp(j *job) {
	if !h.answer(j, Result{Status: fact.HashTimeout}, false) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost++
	if j.urgent {
		return // the worker goes on
	}
	if len(h.queue) == 0 {
		h.working = false
		return
	}
	go h.work()
}
