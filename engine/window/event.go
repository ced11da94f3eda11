package window

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"
)

// Event is one match of a rule.
type Event struct {
	Rule string
	// Host is the host that the event is from, as the hub has authenticated it.
	// A host that makes up groups makes room for new ones out of its own.
	Host string
	// Group are the values of group-by, in its order.
	Group []string
	// Values are the values that value_count and new_terms tell apart; an event
	// that has none but empty ones is passed over.
	Values []string
	// Number is what value_sum, value_avg and value_percentile take, and the
	// score for risk; an event that has none is passed over.
	Number    float64
	HasNumber bool
	// Fact is the id of what the event is about, for Firing.Facts: a ULID, or
	// any text of at most 14 bytes. Others are not listed.
	Fact     string
	Time     time.Time // by the host
	Received time.Time // by the hub; empty means at Time
	// Learning makes new_terms learn from the event without firing.
	Learning bool
}

// Firing says that a condition is met.
type Firing struct {
	Spec  string
	Group []string
	Host  string // of the event; without one, of the event that opened the group
	// Continued marks an event that keeps a condition true that has fired. Hosts,
	// Facts and Time are those of this event, More counts such events.
	Continued bool
	More      int64
	// Count is how many events, values or rules met the condition, as far as the
	// condition needs to know; Value is what was held against it.
	Count int64
	Value float64
	// Since is the time of the first event that counted; Time is the event time
	// at which the condition was met: of the event, or the end of the window.
	Since, Time time.Time
	Facts       []string // at most 100, the newest, in order of time
	Rules       []string // of these facts, in the order of the spec
	Values      []string // of the event, for new_terms
	// Parts are the contributions to a risk, the largest first, at most 100;
	// Rest is what all others still add.
	Parts []Part
	Rest  float64
}

// Part is a contribution to a risk.
type Part struct {
	Rule  string
	Fact  string // the Fact of its event: the id of an alert
	Score float64
	Time  time.Time
}

// Event is the firing as an event for a correlation that reads it. The caller
// sets Group by the group-by of that correlation.
func (f *Firing) Event(received time.Time) Event {
	e := Event{Rule: f.Spec, Host: f.Host, Group: f.Group, Values: f.Values, Number: f.Value, HasNumber: true, Time: f.Time, Received: received}
	if len(f.Facts) > 0 {
		e.Fact = f.Facts[len(f.Facts)-1]
	}
	return e
}

// event is an event as shards see it.
type event struct {
	Event
	at, recv int64
	rule     uint8
	fact     factID
	value    digest
	// newest says that no event of the group is newer.
	newest bool
}

// Times are nanoseconds since 1970, within bounds that leave room to add spans.
const (
	maxTime = int64(1) << 62
	never   = -maxTime
)

// nanos converts a time; whole is false for one that had to be cut.
func nanos(t time.Time) (n int64, whole bool) {
	switch s := t.Unix(); {
	case s < 0:
		return 0, false
	case s >= maxTime/int64(time.Second):
		return maxTime, false
	}
	return t.UnixNano(), true
}

func moment(n int64) time.Time { return time.Unix(0, n).UTC() }

// digest stands for texts of any length and number.
type digest [16]byte

// digestOf tells tuples apart by their lengths too.
func digestOf(values []string) digest {
	var room [256]byte
	b := room[:0]
	for _, v := range values {
		b = appendText(b, v)
	}
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// clip bounds a text that is kept or shown.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// number reports whether an event has a number that can be reckoned with.
func (e *event) number() bool {
	return e.HasNumber && !math.IsNaN(e.Number) && !math.IsInf(e.Number, 0)
}

func (e *event) valued() bool {
	for _, v := range e.Values {
		if v != "" {
			return true
		}
	}
	return false
}
