package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxKinds is how many kinds a ReplayQuery may name.
const MaxKinds = 100

// ReplayQuery chooses a stretch of the log by the hub's clock: the log is read
// in the order in which the hub stored it, and suppression and windows go by
// when it did. The zero value chooses all of it.
type ReplayQuery struct {
	Since time.Time // received then or later; zero means from the first batch on
	Until time.Time // received before then; zero means to the end of the log as it is when asked
	// Kinds are the kinds of facts that are wanted; empty means every kind.
	// Batches are told of also where none of their facts is.
	Kinds []string
	// After is the cursor of the last batch that the asker has; empty means
	// from the first of the stretch.
	After string
}

// ParseReplayQuery reads a query as ReplayQuery.Values writes it.
func ParseReplayQuery(v url.Values) (ReplayQuery, error) {
	p := parser{values: v}
	q := ReplayQuery{Since: p.time("since"), Until: p.time("until"), Kinds: p.words("kinds"), After: p.text("after")}
	if err := p.done(); err != nil {
		return ReplayQuery{}, err
	}
	if err := q.Validate(); err != nil {
		return ReplayQuery{}, err
	}
	return q, nil
}

// Values writes the query as URL parameters, only those that are set.
func (q ReplayQuery) Values() url.Values {
	w := writer{}
	w.time("since", q.Since)
	w.time("until", q.Until)
	w.text("kinds", strings.Join(q.Kinds, ","))
	w.text("after", q.After)
	return url.Values(w)
}

// Validate checks the query's bounds.
func (q ReplayQuery) Validate() error {
	if len(q.Kinds) > MaxKinds {
		return &QueryError{"kinds", cut(strings.Join(q.Kinds, ",")), fmt.Sprintf("more than %d kinds", MaxKinds)}
	}
	for _, kind := range q.Kinds {
		if kind == "" || len(kind) > MaxText || !utf8.ValidString(kind) || strings.Contains(kind, ",") {
			return &QueryError{"kinds", cut(kind), "want kinds of facts with commas between them"}
		}
	}
	if err := checkTexts("after", q.After); err != nil {
		return err
	}
	return checkRange(q.Since, q.Until, 0)
}

// Wants tells whether facts of the kind are wanted.
func (q ReplayQuery) Wants(kind string) bool {
	return len(q.Kinds) == 0 || slices.Contains(q.Kinds, kind)
}

// LogBatch is one signed statement of the log and the facts that count of it:
// a line of a replay.
type LogBatch struct {
	// Cursor is the batch's place in the log; opaque, for ReplayQuery.After.
	Cursor string `json:"cursor"`
	// Received is when the hub accepted it, by the hub's clock.
	Received time.Time `json:"received"`
	// Host is who signed it: a host, or the hub itself.
	Host string `json:"host"`
	// Batch names the statement.
	Batch Batch `json:"batch"`
	// Facts are the facts that were asked for, byte for byte as they were signed.
	Facts []jsontext.Value `json:"facts"`
}

// What the lines of a replay that are no batches say.
const (
	ReplayBegin = "begin" // comes first: how much there is
	ReplayEnd   = "end"   // comes last: a replay without it was cut off
)

// ReplayEvent is such a line.
type ReplayEvent struct {
	// Event is begin or end.
	Event string `json:"event"`
	// Batches is how many there are to read, in begin, and were read, in end.
	Batches int64 `json:"batches"`
	// Facts is how many facts were given out; absent in begin.
	Facts int64 `json:"facts,omitempty"`
	// Unreadable is how many batches were left out because what is stored of
	// them is not what was signed; picket-hub check names them.
	Unreadable int64 `json:"unreadable,omitempty"`
}
