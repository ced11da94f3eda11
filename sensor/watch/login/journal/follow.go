//go:build linux

package journal

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/regular"
)

// Entry is one message of a program of root's.
type Entry struct {
	Time time.Time
	// Program is SYSLOG_IDENTIFIER.
	Program string
	// PID is the process that said it; 0 where that is not known.
	PID int64
	// Message is what it said, at most 8 KiB, raw bytes.
	Message string
}

// Lost counts what a look could not give.
type Lost struct {
	// Malformed is how many entries could not be read.
	Malformed int64
	// Packed is how many messages are compressed, as only long ones are.
	Packed int64
	// Files is how many files came and went between two looks.
	Files int64
}

// maxCache bounds how many fields are remembered by their place.
const maxCache = 8_192

// maxRotations is through how many one look goes.
const maxRotations = 8

// Follower follows the journal of a host through its rotations.
type Follower struct {
	paths    []string
	programs []string

	open   *os.File
	file   *file
	dev    uint64
	inode  uint64
	at     cursor
	seq    uint64 // of the last entry
	when   uint64 // its time
	id     [16]byte
	again  bool // what was told may be found once more
	known  map[uint64]verdict
	fields []uint64
}

// Follow opens the system's journal in the one of the folders where it is
// written, at its end. programs are the names that count, of the process and of who it
// says that it is. The error is that of the last folder.
func Follow(dirs, programs []string) (*Follower, error) {
	fl := &Follower{programs: programs, known: make(map[uint64]verdict)}
	for _, dir := range dirs {
		fl.paths = append(fl.paths, filepath.Join(dir, "system.journal"))
	}
	first, err := fl.find()
	if err != nil {
		return nil, err
	}
	fl.adopt(first)
	if err := fl.file.skip(&fl.at); err != nil {
		fl.Close()
		return nil, err
	}
	fl.seq, fl.when, fl.id = fl.file.tailSeq, fl.file.tailTime, fl.file.id
	return fl, nil
}

// Path is the file that is followed.
func (fl *Follower) Path() string { return fl.open.Name() }

// Close lets go of the file.
func (fl *Follower) Close() error { return fl.open.Close() }

// opened is an open journal.
type opened struct {
	*os.File
	file       *file
	dev, inode uint64
}

// find opens the journal that is written to: the one that was last, where there
// are two, since one may be left over from other settings.
func (fl *Follower) find() (best opened, err error) {
	err = unix.ENOENT
	for _, path := range fl.paths {
		f, st, openErr := regular.Open(path)
		if openErr != nil {
			if best.File == nil {
				err = openErr
			}
			continue
		}
		journal, openErr := openFile(f)
		if openErr != nil || (best.File != nil && journal.tailTime <= best.file.tailTime) {
			f.Close()
			if best.File == nil {
				err = openErr
			}
			continue
		}
		if best.File != nil {
			best.Close()
		}
		best, err = opened{f, journal, st.Dev, st.Ino}, nil
	}
	if err != nil {
		return opened{}, fmt.Errorf("opening journal: %w", err)
	}
	return best, nil
}

// adopt goes to the beginning of another file.
func (fl *Follower) adopt(o opened) {
	if fl.open != nil {
		fl.open.Close()
	}
	fl.open, fl.file, fl.dev, fl.inode = o.File, o.file, o.dev, o.inode
	fl.at = cursor{}
	clear(fl.known)
}

// Poll hands on what was appended, of most entries at most; more says that
// there are others. After an error the rest of the file is given up, and
// counted.
func (fl *Follower) Poll(most int, each func(Entry)) (lost Lost, more bool, err error) {
	for range maxRotations {
		n, err := fl.drain(most, &lost, each)
		if err != nil || n >= most {
			return lost, n >= most, err
		}
		most -= n
		next, other := fl.replaced()
		if !other {
			return lost, false, nil
		}
		// What was written before the new file took its place.
		if n, err = fl.drain(most, &lost, each); err != nil || n >= most {
			next.Close()
			return lost, n >= most, err
		}
		fl.adopt(next)
		lost.Files += fl.passed()
		fl.again = true
	}
	return lost, true, nil
}

// replaced opens the file that has the followed one's place, where there is
// another.
func (fl *Follower) replaced() (opened, bool) {
	o, err := fl.find()
	if err != nil {
		return opened{}, false
	}
	if o.dev == fl.dev && o.inode == fl.inode {
		o.Close()
		return opened{}, false
	}
	return o, true
}

// passed counts archived files of this series that begin behind what was read.
// Their names are system@SERIES-NUMBER-TIME.journal.
func (fl *Follower) passed() (files int64) {
	dir, err := os.Open(filepath.Dir(fl.open.Name()))
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(10_000)
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, "system@")
		parts := strings.Split(rest, "-")
		if !ok || len(parts) != 3 || parts[0] != fmt.Sprintf("%x", fl.file.id) {
			continue
		}
		if n, err := strconv.ParseUint(parts[1], 16, 64); err == nil && n > fl.seq && fl.seq > 0 {
			files++
		}
	}
	return files
}

// drain hands on what the open file has, and returns how many entries it went
// through.
func (fl *Follower) drain(most int, lost *Lost, each func(Entry)) (n int, err error) {
	if err := fl.file.refresh(); err != nil {
		return 0, err
	}
	if fl.file.entries < fl.at.done {
		return 0, fmt.Errorf("%w: it has fewer entries than before", ErrMalformed)
	}
	var places [64]uint64
	for n < most {
		batch, err := fl.file.next(&fl.at, places[:min(len(places), most-n)])
		if err != nil {
			lost.Malformed += int64(min(fl.file.entries-fl.at.done, math.MaxInt32))
			return n, err
		}
		if len(batch) == 0 {
			return n, nil
		}
		n += len(batch)
		for _, at := range batch {
			fl.one(at, lost, each)
		}
	}
	return n, nil
}

// one hands on an entry where it counts.
func (fl *Follower) one(at uint64, lost *Lost, each func(Entry)) {
	r, err := fl.file.readEntry(at, fl.fields)
	if err != nil {
		lost.Malformed++
		return
	}
	fl.fields = r.fields
	if fl.old(r) {
		return
	}
	fl.seq, fl.when, fl.id = r.seq, r.realtime, fl.file.id
	e, ok, err := fl.judge(r, lost)
	if err != nil {
		lost.Malformed++
		return
	}
	if ok {
		e.Time = time.UnixMicro(int64(min(r.realtime, 1<<52))).UTC()
		each(e)
	}
}

// old tells an entry that was told already: when journald moves from memory to
// disk it writes all of them again.
func (fl *Follower) old(r raw) bool {
	if fl.id == fl.file.id {
		return fl.again && r.seq <= fl.seq
	}
	return fl.again && r.realtime <= fl.when
}
