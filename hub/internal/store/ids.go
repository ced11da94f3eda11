package store

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
)

// idSource makes ULIDs that grow, whatever the clock does: ids of alerts are
// cursors, and a cursor that goes back shows an alert twice or never.
type idSource struct{ last ulid.ULID }

// newIDSource goes on after the id given; empty means from the start.
func newIDSource(last string) (*idSource, error) {
	s := &idSource{}
	if last == "" {
		return s, nil
	}
	id, err := ulid.ParseStrict(last)
	if err != nil {
		return nil, fmt.Errorf("malformed id %q: %w", last, err)
	}
	s.last = id
	return s, nil
}

func (s *idSource) next(now time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(now)) // fails in the year 10889
	if id.Time() <= s.last.Time() {
		s.last = successor(s.last)
		return s.last.String()
	}
	_, _ = rand.Read(id[6:]) // never fails (Go 1.24)
	id[6] &= 0x7f            // room to count up within the millisecond
	s.last = id
	return id.String()
}

// successor adds 1 to the whole id, time included where the rest overflows.
func successor(id ulid.ULID) ulid.ULID {
	for i := len(id) - 1; i >= 0; i-- {
		id[i]++
		if id[i] != 0 {
			break
		}
	}
	return id
}
