package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	types "picket.internal/api"
)

// followPage is how many alerts a follow stream reads at once.
const followPage = 500

// follower is a stream that goes on: read delivers what has come since the
// cursor and tells where the stream stands now, and whether there is more to
// be had at once.
type follower struct {
	cursor string
	read   func(ctx context.Context, cursor string, out *reply) (next string, more bool, err error)
	// due fires when there may be something to read though nothing has changed; nil: never.
	due func() <-chan time.Time
}

// followAlerts streams alerts as they are stored, from the one after the
// parameter "after", else from now.
func (h *Handler) followAlerts(r *http.Request, out *reply) error {
	q, err := types.ParseAlertQuery(r.URL.Query())
	if err != nil {
		return err
	}
	if err := noLimit(q.Limit); err != nil {
		return err
	}
	cursor := q.After
	if cursor == "" {
		if cursor, err = h.newestAlert(r.Context()); err != nil {
			return err
		}
	}
	grown := growth{handler: h, query: q}
	if _, grown.step, err = h.reader.AlertsGrown(r.Context(), 0, growthPage); err != nil {
		return fmt.Errorf("reading alerts that have grown: %w", err)
	}
	return h.follow(r.Context(), out, follower{cursor: cursor, due: grown.due, read: func(ctx context.Context, cursor string, out *reply) (string, bool, error) {
		if err := grown.send(ctx, out); err != nil {
			return "", false, err
		}
		alerts, err := h.reader.AlertsAfter(ctx, cursor, followPage)
		if err != nil {
			return "", false, fmt.Errorf("reading alerts: %w", err)
		}
		for i := range alerts {
			cursor = alerts[i].ID
			if !q.Matches(&alerts[i]) {
				continue
			}
			tidyAlert(&alerts[i])
			if err := out.flushed(&alerts[i]); err != nil {
				return "", false, err
			}
		}
		return cursor, len(alerts) == followPage, nil
	}})
}

// How a stream tells of alerts that have grown.
const (
	growthEvery = 5 * time.Second
	growthPage  = 100
)

// growth tells a stream of alerts which of them have got duplicates: at most so
// many now and then, however many duplicates come.
type growth struct {
	handler *Handler
	query   types.AlertQuery
	step    uint64
	last    time.Time
	owed    bool // something may have grown since
}

// due fires when it may be told again what has grown, where something may have.
func (g *growth) due() <-chan time.Time {
	if !g.owed {
		return nil
	}
	return time.After(time.Until(g.last.Add(growthEvery)))
}

// due is no time at all where a follower knows of none.
func due(f func() <-chan time.Time) <-chan time.Time {
	if f == nil {
		return nil
	}
	return f()
}

func (g *growth) send(ctx context.Context, out *reply) error {
	if time.Since(g.last) < growthEvery {
		g.owed = true
		return nil
	}
	g.last, g.owed = time.Now(), false
	alerts, next, err := g.handler.reader.AlertsGrown(ctx, g.step, growthPage)
	if err != nil {
		return fmt.Errorf("reading alerts that have grown: %w", err)
	}
	g.step = next
	for i := range alerts {
		if a := &alerts[i]; g.query.Matches(a) {
			more := types.AlertGrowth{Event: types.EventMore, ID: a.ID, Count: a.Count, Last: a.Last.UTC()}
			if err := out.flushed(&more); err != nil {
				return err
			}
		}
	}
	return nil
}

// newestAlert is the place after everything that is stored.
func (h *Handler) newestAlert(ctx context.Context) (string, error) {
	newest, err := h.reader.Alerts(ctx, types.AlertQuery{Limit: 1, IncludeShadow: true})
	if err != nil {
		return "", fmt.Errorf("reading newest alert: %w", err)
	}
	if len(newest) == 0 {
		return types.FirstCursor, nil
	}
	return newest[0].ID, nil
}

// followFacts streams facts as they are stored, from the one after the
// parameter "after", else from now.
func (h *Handler) followFacts(r *http.Request, out *reply) error {
	q, err := types.ParseFactQuery(r.URL.Query())
	if err != nil {
		return err
	}
	if err := noLimit(q.Limit); err != nil {
		return err
	}
	cursor := q.After
	q.After, q.Limit = "", followPage
	if cursor == "" {
		if _, cursor, err = h.reader.FactsAfter(r.Context(), "", q); err != nil {
			return fmt.Errorf("reading newest fact: %w", err)
		}
	}
	return h.follow(r.Context(), out, follower{cursor: cursor, read: func(ctx context.Context, cursor string, out *reply) (string, bool, error) {
		facts, next, err := h.reader.FactsAfter(ctx, cursor, q)
		if err != nil {
			return "", false, fmt.Errorf("reading facts: %w", err)
		}
		for i := range facts {
			tidyFact(&facts[i])
			if err := out.flushed(&facts[i]); err != nil {
				return "", false, err
			}
		}
		return next, next != cursor, nil
	}})
}

// follow writes until the client goes or the hub stops.
func (h *Handler) follow(ctx context.Context, out *reply, f follower) error {
	select {
	case h.followers <- struct{}{}:
		defer func() { <-h.followers }()
	default:
		return errFollowers
	}
	// The first line tells the client where it stands before anything happens:
	// cut off after it, it can come back without a gap.
	if err := keepalive(out, f.cursor); err != nil {
		return err
	}
	timer := time.NewTimer(types.KeepaliveSeconds * time.Second)
	defer timer.Stop()
	for {
		// Asked for before reading: a commit in between is not slept through.
		changed := h.reader.Changed()
		next, more, err := f.read(ctx, f.cursor, out)
		if err != nil {
			return err
		}
		f.cursor = next
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-due(f.due):
		case <-timer.C:
			if err := keepalive(out, f.cursor); err != nil {
				return err
			}
			timer.Reset(types.KeepaliveSeconds * time.Second)
		}
	}
}

func keepalive(out *reply, cursor string) error {
	return out.flushed(&types.Event{Event: types.EventKeepalive, Cursor: cursor})
}

func noLimit(limit int) error {
	if limit == 0 {
		return nil
	}
	return &types.QueryError{Param: "limit", Value: strconv.Itoa(limit), Reason: "a follow stream has no end"}
}
