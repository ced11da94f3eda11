//go:build linux

package packagedb

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/patience"
)

const (
	// waiting is how many questions may be open, each with a file descriptor.
	waiting = 128
	// remember is how many answers are kept.
	remember = 4096
	// recheck is how often the databases are looked at for changes, at most.
	recheck = time.Second
	// patienceLimit is how long one pass, and how long one file may take.
	patienceLimit = 10 * time.Second
	// restRatio is how much longer than it worked the reader rests before it
	// works again, up to maxRest: new programs by the thousand must not cost
	// more than a fifth of a processor.
	restRatio = 4
	maxRest   = 5 * time.Second
	// maxLost is how many reads may never have come back.
	maxLost = 4
)

// DB answers what the host's package databases hold. It is safe for
// concurrent use and needs no closing: without questions it has no goroutine.
type DB struct {
	root string
	gate *patience.Gate
	rest func(time.Duration)
	now  func() time.Time
	run  func(func()) // beside the caller

	mu      sync.Mutex
	queue   []*question
	working bool
	answers map[place]fact.Vouch
	sketch  *sketch
	stamp   stamp // of the databases when answers and sketch were made
	checked time.Time
}

// place is one file content at one path.
type place struct {
	path string
	key  digest.Key
}

type question struct {
	place
	file *os.File
	done func(fact.Vouch)
}

// Open returns the databases below root; "" means /. Nothing is read yet, and
// databases may come and go.
func Open(root string) *DB {
	if root == "" {
		root = "/"
	}
	return &DB{root: root, gate: patience.NewGate(maxLost), rest: time.Sleep, now: time.Now,
		run:     func(f func()) { go f() },
		answers: make(map[place]fact.Vouch)}
}

// Ask asks whether a package vouches for f, the regular file that is at path,
// and takes f over and closes it. path is absolute and as the kernel tells it,
// without links and without " (deleted)"; "" takes it from f. It must be a
// path of the host: one in a container's mount namespace leads to another file
// here, so nobody must ask for those. Nor must f lie where a file may never
// answer, as on FUSE. done is called once, on another
// goroutine or before Ask returns, and must not block. False means that too
// many questions are open: done is not called.
//
// The verdict is ok or modified where a package has a digest for the path;
// unowned where no package lists it; unknown where a database has no digest
// for it or could not be read, where f is larger than 256 MiB or did not
// answer in time, and where other content says nothing: f has no name any
// more, as after an upgrade, or its package is being replaced right now. A
// configuration file that somebody changed is modified.
func (db *DB) Ask(path string, f *os.File, done func(fact.Vouch)) bool {
	st, err := status(f)
	if path == "" {
		path, _ = os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
		if st.Nlink == 0 {
			path = strings.TrimSuffix(path, " (deleted)")
		}
	}
	if err != nil || len(path) > unix.PathMax || path == "" || st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.Close()
		done(fact.Vouch{Verdict: fact.VouchUnknown})
		return true
	}
	q := &question{place: place{path, digest.KeyOf(&st)}, file: f, done: done}
	if v, ok := db.Known(path, q.key); ok {
		f.Close()
		done(v)
		return true
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if len(db.queue) >= waiting || db.gate.Lost() >= maxLost {
		f.Close()
		return false
	}
	db.queue = append(db.queue, q)
	if !db.working {
		db.working = true
		go db.work()
	}
	return true
}

// Known is the answer to a question that was asked before, as long as neither
// the file nor a database has changed. It waits for nothing: that a database
// changed may show a second later.
func (db *DB) Known(path string, k digest.Key) (fact.Vouch, bool) {
	db.mu.Lock()
	now := db.now()
	due := now.Sub(db.checked).Abs() >= recheck
	if due {
		db.checked = now
	}
	db.mu.Unlock()
	if due {
		db.run(func() { db.renew(stampOf(db.root)) })
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	v, ok := db.answers[place{path, k}]
	return v, ok
}

// renew forgets the answers where the databases are not what they were.
func (db *DB) renew(now stamp) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if now != db.stamp {
		db.stamp, db.sketch = now, nil
		clear(db.answers)
	}
}

// Vouch is Ask for who can wait, at most ten seconds. It leaves f open and its
// offset where it is.
func (db *DB) Vouch(path string, f *os.File) fact.Vouch {
	unknown := fact.Vouch{Verdict: fact.VouchUnknown}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return unknown
	}
	answer := make(chan fact.Vouch, 1)
	if !db.Ask(path, os.NewFile(uintptr(fd), f.Name()), func(v fact.Vouch) { answer <- v }) {
		return unknown
	}
	timer := time.NewTimer(patienceLimit)
	defer timer.Stop()
	select {
	case v := <-answer:
		return v
	case <-timer.C:
		return unknown
	}
}

// work answers what waits, all of it in one pass, and ends when nothing does.
func (db *DB) work() {
	for {
		db.mu.Lock()
		batch := db.queue
		db.queue = nil
		if len(batch) == 0 {
			db.working = false
			db.mu.Unlock()
			return
		}
		db.mu.Unlock()
		db.answer(batch)
	}
}

// pause rests for as long as the work since began asks for.
func (db *DB) pause(began time.Time) { db.rest(min(restRatio*time.Since(began), maxRest)) }

// answer answers questions, each as soon as it can be.
func (db *DB) answer(batch []*question) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patienceLimit)
	defer cancel()
	before := stampOf(db.root)
	db.renew(before)
	known := db.sketchOf(before)
	p, ok := patience.Do(db.gate, patienceLimit*3/2, func() *pass {
		p := newPass(ctx, db.root)
		p.sketch = known
		for _, q := range batch {
			p.ask(q.path)
		}
		p.run()
		return p
	})
	calm := ok && !p.failed && before == stampOf(db.root) && !busy(db.root)
	if calm && p.made != nil {
		db.keepSketch(p.made, before)
	}
	for _, q := range batch {
		v, settled := fact.Vouch{Verdict: fact.VouchUnknown}, false
		if ok {
			v, settled = db.compare(p, q, calm)
		} else {
			q.file.Close()
		}
		if settled && calm {
			db.keep(q.place, v, before)
		}
		q.done(v)
		db.pause(began)
		began = time.Now()
	}
}

// sketchOf is the sketch of the databases in one state; nil where there is none.
func (db *DB) sketchOf(stamp stamp) *sketch {
	db.mu.Lock()
	defer db.mu.Unlock()
	if stamp != db.stamp {
		return nil
	}
	return db.sketch
}

func (db *DB) keepSketch(made *sketch, stamp stamp) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if stamp == db.stamp {
		db.sketch = made
	}
}

func (db *DB) keep(at place, v fact.Vouch, stamp stamp) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if stamp != db.stamp {
		return
	}
	if len(db.answers) >= remember {
		clear(db.answers) // rare, and the answers in use come back at once
	}
	db.answers[at] = v
}
