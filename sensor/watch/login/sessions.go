//go:build linux

package login

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/regular"
)

const (
	maxUtmp     = 8 << 20
	maxSessions = 16_384
)

// session names a session.
type session struct {
	line string
	pid  int32
}

// state is an open session.
type state struct {
	record Record
	source string
	inUtmp bool // and so it ends when it is there no more
}

// sessions knows who is logged in, by utmp and wtmp together: whichever tells
// of a beginning or an end first is believed, and the other adds nothing.
type sessions struct {
	path  string
	tell  func(action, source string, r *Record)
	open  map[session]*state
	begun bool
	size  int64
	mtime unix.Timespec
	inode uint64
	err   error // of the last reading
}

// look reads utmp where it has changed.
func (s *sessions) look(lost *ledger) error {
	var st unix.Stat_t
	if err := unix.Stat(s.path, &st); err != nil {
		s.begun = true
		if err == unix.ENOENT {
			return nil // as on hosts whose C library has none
		}
		return err
	}
	if s.begun && st.Size == s.size && st.Mtim == s.mtime && st.Ino == s.inode {
		return s.err
	}
	s.size, s.mtime, s.inode = st.Size, st.Mtim, st.Ino
	data, _, err := regular.Read(s.path, maxUtmp)
	if s.err = err; err == nil {
		s.compare(data, lost)
	}
	if errors.Is(err, regular.ErrTooLarge) {
		lost.add(fact.LossInventory, 1, "/run/utmp is larger than the sensor reads")
	}
	s.begun = true
	return err
}

// compare tells what is new in utmp and what is there no more.
func (s *sessions) compare(data []byte, lost *ledger) {
	size := RecordSize()
	now := make(map[session]bool)
	for ; len(data) >= size; data = data[size:] {
		r, ok := ParseRecord(data[:size])
		if !ok || r.Kind != recordUser || r.User == "" {
			continue
		}
		key := session{r.Line, r.PID}
		if now[key] {
			continue
		}
		if len(now) == maxSessions {
			lost.add(fact.LossInventory, 1, "there are more sessions than the sensor keeps")
			continue
		}
		now[key] = true
		if old := s.open[key]; old != nil {
			old.inUtmp = true
			continue
		}
		action := fact.Added
		if !s.begun {
			action = fact.Seen
		}
		s.open[key] = &state{record: r, source: "utmp", inUtmp: true}
		s.tell(action, "utmp", &r)
	}
	if len(data) > 0 {
		lost.add(fact.LossMalformed, 1, "/run/utmp ends within a record")
	}
	for key, old := range s.open {
		if old.inUtmp && !now[key] {
			delete(s.open, key)
			s.end("utmp", &old.record, time.Time{})
		}
	}
}

// record takes a record that was appended to wtmp.
func (s *sessions) record(b []byte) {
	r, ok := ParseRecord(b)
	if !ok {
		return
	}
	key := session{r.Line, r.PID}
	switch {
	case r.Kind == recordUser && r.User != "":
		if s.open[key] == nil && len(s.open) < maxSessions {
			s.open[key] = &state{record: r, source: "wtmp"}
			s.tell(fact.Added, "wtmp", &r)
		}
	case r.Kind == recordDead || (r.Kind == recordUser && r.User == ""):
		// Not every program writes its number when it ends.
		for key, old := range s.open {
			if key.line == r.Line && r.Line != "" {
				delete(s.open, key)
				s.end("wtmp", &old.record, r.Time)
			}
		}
	}
}

// end tells the end of a session that is forgotten, by the time of its last
// record where there is one.
func (s *sessions) end(source string, r *Record, at time.Time) {
	r.Time = at
	s.tell(fact.Removed, source, r)
}
