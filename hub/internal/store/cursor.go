package store

import (
	"fmt"
	"time"

	"picket.internal/api"
)

// place is where a fact is kept, and when it happened. Its order is that of
// answers: by time, and among equals by the order of storing.
type place struct {
	time  time.Time
	batch int64
	pos   int
}

// afterAll is behind every fact of a batch.
const afterAll = 1 << 20

func (p place) less(q place) bool {
	if c := p.time.Compare(q.time); c != 0 {
		return c < 0
	}
	if p.batch != q.batch {
		return p.batch < q.batch
	}
	return p.pos < q.pos
}

// String is the place as a cursor. Follow streams read batch and pos alone.
func (p place) String() string {
	if p.time.IsZero() {
		return fmt.Sprintf("0.0.%d.%d", p.batch, p.pos)
	}
	return fmt.Sprintf("%d.%d.%d.%d", p.time.Unix(), p.time.Nanosecond(), p.batch, p.pos)
}

func parsePlace(s string) (place, error) {
	var sec, nsec int64
	var p place
	n, err := fmt.Sscanf(s, "%d.%d.%d.%d", &sec, &nsec, &p.batch, &p.pos)
	if err == nil && n == 4 && nsec >= 0 && nsec < 1e9 && p.batch >= 0 && p.pos >= 0 && p.pos <= afterAll {
		p.time = time.Unix(sec, nsec).UTC()
		if sec == 0 && nsec == 0 {
			p.time = time.Time{}
		}
		if p.String() == s {
			return p, nil
		}
	}
	return place{}, &api.QueryError{Param: "after", Value: s[:min(len(s), api.MaxText)], Reason: "no cursor of this hub"}
}
