package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"picket.internal/api"
	"picket.internal/strictjson"
)

// batchLimits bound one batch of the log: its facts come as they were signed.
var batchLimits = strictjson.Limits{Bytes: 16 << 20, Depth: 24, Items: 10_000}

// maxEvent is more than a line takes that is no batch.
const maxEvent = 512

// errCutOff is a replay that did not come to its end.
var errCutOff = errors.New("the hub broke the replay off")

// Replay is what the log holds of a stretch of time.
type Replay struct {
	// Batches is how many batches there are to read, a hole now and then
	// included: good enough to tell how far one has come.
	Batches int64
	// End is how it went; it is there once All has come to its end.
	End api.ReplayEvent

	client *Client
	resp   *http.Response
	ctx    context.Context
	cancel context.CancelCauseFunc
	next   func() ([]byte, error, bool)
	stop   func()
}

// Replay asks for the log, oldest first. Close must be called.
func (c *Client) Replay(ctx context.Context, q api.ReplayQuery) (*Replay, error) {
	r, err := c.replay(ctx, q)
	if err != nil {
		return nil, c.fail("replaying facts", err)
	}
	return r, nil
}

func (c *Client) replay(ctx context.Context, q api.ReplayQuery) (*Replay, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	r := &Replay{client: c}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	var err error
	if r.resp, err = c.do(r.ctx, http.MethodGet, api.PathFactsReplay, q.Values(), nil, api.TypeStream); err != nil {
		r.cancel(nil)
		return nil, err
	}
	r.next, r.stop = iter.Pull2(documents(r.resp.Body))
	var begin api.ReplayEvent
	line, err := r.line()
	if err == nil {
		err = decode(line, &begin)
	}
	if err == nil && begin.Event != api.ReplayBegin {
		err = fmt.Errorf("%w: a replay that does not begin", errAnswer)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	r.Batches = begin.Batches
	return r, nil
}

// line waits for the next line, but not for ever.
func (r *Replay) line() ([]byte, error) {
	watchdog := time.AfterFunc(silence, func() { r.cancel(errSilent) })
	defer watchdog.Stop()
	line, err, ok := r.next()
	switch {
	case ok && err == nil:
		return line, nil
	case context.Cause(r.ctx) != nil:
		return nil, context.Cause(r.ctx)
	case err != nil:
		return nil, err
	default:
		return nil, errCutOff
	}
}

// All yields every batch, once. A replay that was cut off ends in an error.
func (r *Replay) All() iter.Seq2[*api.LogBatch, error] {
	return named(r.client, "replaying facts", func(yield func(*api.LogBatch, error) bool) {
		for {
			b, err := r.batch()
			if b == nil && err == nil || !yield(b, err) || err != nil {
				return
			}
		}
	})
}

// batch reads one; none and no error is the end.
func (r *Replay) batch() (*api.LogBatch, error) {
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	if len(line) < maxEvent { // only then may it be the end
		var event api.ReplayEvent
		if decode(line, &event) == nil && event.Event == api.ReplayEnd {
			r.End = event
			return nil, nil
		}
	}
	b := new(api.LogBatch)
	if err := strictjson.Decode(line, batchLimits, b, func(string) {}); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return b, nil
}

// Close lets the stream go.
func (r *Replay) Close() {
	r.cancel(nil)
	r.stop()
	r.resp.Body.Close()
}

// Rules yields the rules that the hub runs, by id.
func (c *Client) Rules(ctx context.Context) iter.Seq2[api.RunningRule, error] {
	return named(c, "listing rules", rows[api.RunningRule](ctx, c, api.PathRules, nil))
}

// Filters yields the filters of these rules, by name.
func (c *Client) Filters(ctx context.Context) iter.Seq2[api.RunningFilter, error] {
	return named(c, "listing filters", rows[api.RunningFilter](ctx, c, api.PathFilters, nil))
}

// RuleFiles yields the files that the hub's rules were loaded from, by name.
func (c *Client) RuleFiles(ctx context.Context) iter.Seq2[api.RuleFile, error] {
	return named(c, "fetching the hub's rules", rows[api.RuleFile](ctx, c, api.PathRuleFiles, nil))
}
