package queue

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// parsed reads an id as the hub does.
func parsed(t *testing.T, id string) ulid.ULID {
	t.Helper()
	u, err := ulid.ParseStrict(id)
	if err != nil || u.String() != id {
		t.Fatalf("%q is read as %s, %v", id, u, err)
	}
	return u
}

func TestIDsGrow(t *testing.T) {
	var ids ulids
	var last ulid.ULID
	now := time.Now()
	for i := range 10_000 {
		if i%100 == 0 {
			now = now.Add(time.Millisecond)
		}
		id := parsed(t, ids.next(now))
		if id.Compare(last) <= 0 {
			t.Fatalf("%s follows %s", id, last)
		}
		if id.Time() != ulid.Timestamp(now) {
			t.Fatalf("%s is of %v, made at %v", id, ulid.Time(id.Time()), now)
		}
		last = id
	}
}

func TestIDsCarry(t *testing.T) {
	now := time.Now()
	at := uint64(now.UnixMilli()) << 16
	ids := ulids{high: at | 7, low: math.MaxUint64}
	if id := parsed(t, ids.next(now)); ids.high != at|8 || id.Time() != ulid.Timestamp(now) {
		t.Errorf("after the last of a half comes %s", id)
	}
	ids = ulids{high: at | 0xffff, low: math.MaxUint64}
	if id := parsed(t, ids.next(now)); ids.high != at || id.Time() != ulid.Timestamp(now) {
		t.Errorf("after the last of all comes %s", id)
	}
}

// A clock that is set back makes earlier ids, as before it was set.
func TestIDsFollowTheClock(t *testing.T) {
	var ids ulids
	now := time.Now()
	for _, at := range []time.Time{now, now.Add(-time.Hour), now, time.Unix(0, 0)} {
		if id := parsed(t, ids.next(at)); id.Time() != ulid.Timestamp(at) {
			t.Errorf("%s is of %v, made at %v", id, ulid.Time(id.Time()), at)
		}
	}
}

func TestIDsAreSpelledAsULIDs(t *testing.T) {
	for range 1000 {
		ids := ulids{high: rand.Uint64(), low: rand.Uint64()}
		var want ulid.ULID
		for i := range 8 {
			want[i], want[8+i] = byte(ids.high>>(56-8*i)), byte(ids.low>>(56-8*i))
		}
		if got := ids.text(); got != want.String() {
			t.Fatalf("%x is spelled %s, want %s", want[:], got, want)
		}
	}
}
