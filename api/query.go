package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Bounds of a query.
const (
	DefaultLimit = 100  // rows, where the query names no limit
	MaxLimit     = 1000 // rows
	MaxText      = 256  // bytes of one parameter
)

// FirstCursor is before every alert.
const FirstCursor = "00000000000000000000000000"

// AlertQuery chooses alerts. The zero value chooses all that are not shadow
// alerts.
type AlertQuery struct {
	Severity string    // exactly this one; empty means every severity
	HostID   string    // of this host; empty means every host
	RuleID   string    // of this rule; empty means every rule
	Since    time.Time // whose Time is not before; zero means no bound
	Until    time.Time // whose Time is before; zero means no bound
	// After is a cursor, the id of the last alert that the asker has: a list
	// goes on with older ones, a follow stream with newer ones. Empty means
	// from the newest.
	After         string
	Limit         int  // at most so many, up to MaxLimit; 0 means DefaultLimit
	IncludeShadow bool // also alerts of rules on trial
}

// FactQuery chooses facts. The zero value chooses all.
type FactQuery struct {
	HostID string    // of this host; empty means every host
	Kind   string    // of this kind; empty means every kind
	Since  time.Time // whose time is not before; zero means no bound
	Until  time.Time // whose time is before; zero means no bound
	// After is the Cursor of the last fact that the asker has: a list goes on
	// with older ones, a follow stream with newer ones. Empty means from the
	// newest.
	After string
	Limit int // at most so many, up to MaxLimit; 0 means DefaultLimit
}

// A QueryError says which parameter of a query is wrong. It matches ErrMalformed.
type QueryError struct {
	Param  string // its name in the URL
	Value  string // what it was, cut to MaxText
	Reason string // what is wrong with it
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("malformed %s %q: %s", e.Param, e.Value, e.Reason)
}

// Unwrap makes errors.Is(err, ErrMalformed) true.
func (e *QueryError) Unwrap() error { return ErrMalformed }

// ParseAlertQuery reads a query as AlertQuery.Values writes it. Parameters that
// it does not know, or that come twice, are refused rather than ignored: a
// filter that silently does nothing shows the wrong alerts.
func ParseAlertQuery(v url.Values) (AlertQuery, error) {
	p := parser{values: v}
	q := AlertQuery{
		Severity:      p.text("severity"),
		HostID:        p.text("host"),
		RuleID:        p.text("rule"),
		Since:         p.time("since"),
		Until:         p.time("until"),
		After:         p.text("after"),
		Limit:         p.number("limit"),
		IncludeShadow: p.flag("shadow"),
	}
	if err := p.done(); err != nil {
		return AlertQuery{}, err
	}
	if err := q.Validate(); err != nil {
		return AlertQuery{}, err
	}
	return q, nil
}

// ParseFactQuery reads a query as FactQuery.Values writes it.
func ParseFactQuery(v url.Values) (FactQuery, error) {
	p := parser{values: v}
	q := FactQuery{
		HostID: p.text("host"),
		Kind:   p.text("kind"),
		Since:  p.time("since"),
		Until:  p.time("until"),
		After:  p.text("after"),
		Limit:  p.number("limit"),
	}
	if err := p.done(); err != nil {
		return FactQuery{}, err
	}
	if err := q.Validate(); err != nil {
		return FactQuery{}, err
	}
	return q, nil
}

// Values writes the query as URL parameters, only those that are set.
func (q AlertQuery) Values() url.Values {
	w := writer{}
	w.text("severity", q.Severity)
	w.text("host", q.HostID)
	w.text("rule", q.RuleID)
	w.time("since", q.Since)
	w.time("until", q.Until)
	w.text("after", q.After)
	w.number("limit", q.Limit)
	if q.IncludeShadow {
		w.text("shadow", "true")
	}
	return url.Values(w)
}

// Values writes the query as URL parameters, only those that are set.
func (q FactQuery) Values() url.Values {
	w := writer{}
	w.text("host", q.HostID)
	w.text("kind", q.Kind)
	w.time("since", q.Since)
	w.time("until", q.Until)
	w.text("after", q.After)
	w.number("limit", q.Limit)
	return url.Values(w)
}

// Validate checks the query's bounds.
func (q AlertQuery) Validate() error {
	if q.Severity != "" && !slices.Contains(Severities, q.Severity) {
		return &QueryError{"severity", cut(q.Severity), "want info, low, medium, high or critical"}
	}
	err := checkTexts("host", q.HostID, "rule", q.RuleID, "after", q.After)
	if err != nil {
		return err
	}
	return checkRange(q.Since, q.Until, q.Limit)
}

// Validate checks the query's bounds.
func (q FactQuery) Validate() error {
	if err := checkTexts("host", q.HostID, "kind", q.Kind, "after", q.After); err != nil {
		return err
	}
	return checkRange(q.Since, q.Until, q.Limit)
}

// Rows is the limit with its default filled in.
func (q AlertQuery) Rows() int { return rows(q.Limit) }

// Rows is the limit with its default filled in.
func (q FactQuery) Rows() int { return rows(q.Limit) }

// Matches tells whether the query would choose the alert, cursor and limit
// aside. Follow streams filter with it.
func (q AlertQuery) Matches(a *Alert) bool {
	return (q.Severity == "" || q.Severity == a.Severity) &&
		(q.HostID == "" || q.HostID == a.Host.ID) &&
		(q.RuleID == "" || q.RuleID == a.Rule.ID) &&
		(q.Since.IsZero() || !a.Time.Before(q.Since)) &&
		(q.Until.IsZero() || a.Time.Before(q.Until)) &&
		(q.IncludeShadow || !a.Shadow)
}

func rows(limit int) int {
	if limit <= 0 {
		return DefaultLimit
	}
	return min(limit, MaxLimit)
}

func checkTexts(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		name, value := pairs[i], pairs[i+1]
		switch {
		case len(value) > MaxText:
			return &QueryError{name, cut(value), fmt.Sprintf("longer than %d bytes", MaxText)}
		case !utf8.ValidString(value):
			return &QueryError{name, cut(value), "not UTF-8"}
		}
	}
	return nil
}

func checkRange(since, until time.Time, limit int) error {
	if limit < 0 || limit > MaxLimit {
		return &QueryError{"limit", strconv.Itoa(limit), fmt.Sprintf("want 1 to %d", MaxLimit)}
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return &QueryError{"until", until.Format(time.RFC3339Nano), "not after since"}
	}
	return nil
}

// cut keeps an error about a parameter shorter than the parameter.
func cut(s string) string {
	if len(s) <= MaxText {
		return s
	}
	return s[:MaxText]
}
