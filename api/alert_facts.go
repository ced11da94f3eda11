package api

import (
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// AlertFactsQuery chooses among the facts of an alert, the newest first.
type AlertFactsQuery struct {
	// After is the Next of the page before; empty means from the newest.
	After string
	Limit int // at most so many, up to MaxLimit; 0 means DefaultLimit
}

// ParseAlertFactsQuery reads a query as AlertFactsQuery.Values writes it.
func ParseAlertFactsQuery(v url.Values) (AlertFactsQuery, error) {
	p := parser{values: v}
	q := AlertFactsQuery{After: p.text("after"), Limit: p.number("limit")}
	if err := p.done(); err != nil {
		return AlertFactsQuery{}, err
	}
	return q, q.Validate()
}

// Values writes the query as URL parameters, only those that are set.
func (q AlertFactsQuery) Values() url.Values {
	w := writer{}
	w.text("after", q.After)
	w.number("limit", q.Limit)
	return url.Values(w)
}

// Validate checks the query's bounds.
func (q AlertFactsQuery) Validate() error {
	if err := checkTexts("after", q.After); err != nil {
		return err
	}
	return checkRange(time.Time{}, time.Time{}, q.Limit)
}

// Rows is the limit with its default filled in.
func (q AlertFactsQuery) Rows() int { return rows(q.Limit) }

// LinkedFact is a stored fact of an alert.
type LinkedFact struct {
	// Cursor is the fact's place in the order of storing, as in StoredFact.
	Cursor string `json:"cursor"`
	// Received is when the hub accepted it, by the hub's clock.
	Received time.Time `json:"received"`
	// Batch is the signed statement that carries it.
	Batch Batch `json:"batch"`
	// Fact is the fact, byte for byte as the host signed it.
	Fact jsontext.Value `json:"fact"`
	// Raised is true for a fact that raised the alert, false for one of a duplicate.
	Raised bool `json:"raised"`
}

// Stored is the fact without what links it.
func (f *LinkedFact) Stored() StoredFact {
	return StoredFact{Cursor: f.Cursor, Received: f.Received, Batch: f.Batch, Fact: f.Fact}
}

// FactsElsewhere says where facts are that are not linked.
type FactsElsewhere struct {
	// Host is the host that they are about.
	Host string `json:"host"`
	// Kind is their kind; absent where the alert does not tell.
	Kind string `json:"kind,omitempty"`
	// Since and Until are the times between which they happened, by the host's clock.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// AlertFacts are facts of an alert: of its duplicates, then those that raised
// it. Only the first hundred are linked, so that a flood stays cheap; the others
// are counted, and are in the log.
type AlertFacts struct {
	// Alert is its id.
	Alert string `json:"alert"`
	// Count is how many times it happened, as in Alert.
	Count int64 `json:"count"`
	// Linked is how many facts are linked to it.
	Linked int64 `json:"linked"`
	// Unlinked is how many duplicates are counted only.
	Unlinked int64 `json:"unlinked"`
	// Elsewhere finds those, among other facts of the kind and host and time; absent where there are none.
	Elsewhere *FactsElsewhere `json:"elsewhere,omitempty"`
	// Unreadable is how many linked facts of this page could not be read.
	Unreadable int64 `json:"unreadable,omitempty"`
	// Facts are a page of the linked ones, the newest first.
	Facts []LinkedFact `json:"facts"`
	// Next is for AlertFactsQuery.After; absent on the last page.
	Next string `json:"next,omitempty"`
}

// EventMore is a line of a follow stream of alerts: an alert that was stored
// before has got duplicates. Each alert is told of now and then, not for each.
const EventMore = "more"

// AlertGrowth is such a line.
type AlertGrowth struct {
	// Event is "more".
	Event string `json:"event"`
	// ID is the alert.
	ID string `json:"id"`
	// Count is how many times it has happened now.
	Count int64 `json:"count"`
	// Last is when the last duplicate happened, by the host's clock.
	Last time.Time `json:"last"`
}
