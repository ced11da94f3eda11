package client

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/oklog/ulid/v2"

	"picket.internal/api"
	"picket.internal/fact"
)

// around is how far a fact's time may lie from the time at which its sensor
// gave it its id.
const around = 10 * time.Minute

// Fact returns the fact with the id. The hub keeps facts by time, so it is
// looked for near the time that the id tells.
func (c *Client) Fact(ctx context.Context, id string) (api.StoredFact, error) {
	const doing, hint = "looking for the fact", "see the ids with `picket facts query --json`"
	parsed, err := ulid.ParseStrict(id)
	if err != nil {
		return api.StoredFact{}, &Error{Doing: doing, On: id, Err: fmt.Errorf("%w: it is no id of a fact", api.ErrMalformed), Fix: hint}
	}
	made := ulid.Time(parsed.Time()).UTC()
	for stored, err := range c.Facts(ctx, api.FactQuery{Since: made.Add(-around), Until: made.Add(around)}) {
		if err != nil {
			return api.StoredFact{}, err
		}
		if f, _, err := fact.Parse(stored.Fact); err == nil && f.ID == id {
			return stored, nil
		}
	}
	return api.StoredFact{}, &Error{Doing: doing, On: id, Err: explain(api.ErrNotFound, fmt.Sprintf("there is no such fact within %v of its time", around)), Fix: hint}
}

// HostKinds yields which kinds of facts hosts have sent, and when the newest was.
func (c *Client) HostKinds(ctx context.Context) iter.Seq2[api.HostKind, error] {
	return named(c, "asking what hosts send", rows[api.HostKind](ctx, c, api.PathHostKinds, nil))
}
