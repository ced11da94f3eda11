package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"picket.internal/api"
)

// silence is how long a follow stream may say nothing before it counts as
// dead: three keepalives missed.
const silence = 3 * api.KeepaliveSeconds * time.Second

// errSilent is a stream that nobody feeds any more.
var errSilent = errors.New("the stream fell silent")

const (
	defaultBackoff = 250 * time.Millisecond
	maxBackoff     = 40 // times the first
)

// pause is how long to wait after so many failures in a row: a random part of
// a doubling bound, so that clients do not return in step.
func pause(base time.Duration, failures int) time.Duration {
	bound := base * maxBackoff
	if failures < 6 {
		bound = min(bound, base<<failures)
	}
	return time.Duration(rand.Int64N(int64(bound) + 1))
}

// FollowAlerts yields alerts as they are stored, oldest first: those after
// q.After, else those from now on. Where the connection breaks it is taken up
// again after the last alert seen, without gap or double. It ends with ctx, or
// in an error that asking again cannot mend; a hub that cannot be reached at
// all is one only at the start.
func (c *Client) FollowAlerts(ctx context.Context, q api.AlertQuery) iter.Seq2[api.Alert, error] {
	return func(yield func(api.Alert, error) bool) {
		for news, err := range c.FollowAlertNews(ctx, q) {
			switch {
			case err != nil:
				yield(api.Alert{}, err)
				return
			case news.Alert != nil && !yield(*news.Alert, nil):
				return
			}
		}
	}
}

// AlertNews is an alert, or word that one has grown: one of the two is set.
type AlertNews struct {
	Alert *api.Alert
	More  *api.AlertGrowth
}

// FollowAlertNews is FollowAlerts that also tells, now and then, which alerts
// have got duplicates, be they old ones. What an alert grew by while the
// connection was broken is told at its next duplicate.
func (c *Client) FollowAlertNews(ctx context.Context, q api.AlertQuery) iter.Seq2[AlertNews, error] {
	f := follow[AlertNews]{
		client: c,
		path:   api.PathAlertsFollow,
		check:  q.Validate,
		query: func(after string) url.Values {
			q.After = after
			return q.Values()
		},
		read: func(line []byte) (news AlertNews, after string, err error) {
			news.Alert = new(api.Alert)
			err = decode(line, news.Alert)
			return news, news.Alert.ID, err
		},
		event: func(name string, line []byte) (news AlertNews, ok bool, err error) {
			if name != api.EventMore {
				return news, false, nil
			}
			news.More = new(api.AlertGrowth)
			return news, true, decode(line, news.More)
		},
	}
	return named(c, "following alerts", f.rows(ctx, q.After))
}

// FollowFacts is FollowAlerts for facts.
func (c *Client) FollowFacts(ctx context.Context, q api.FactQuery) iter.Seq2[api.StoredFact, error] {
	f := follow[api.StoredFact]{
		client: c,
		path:   api.PathFactsFollow,
		check:  q.Validate,
		query: func(after string) url.Values {
			q.After = after
			return q.Values()
		},
		read: func(line []byte) (f api.StoredFact, after string, err error) {
			err = decode(line, &f)
			return f, f.Cursor, err
		},
	}
	return named(c, "following facts", f.rows(ctx, q.After))
}

// follow is a stream that is taken up again.
type follow[Row any] struct {
	client *Client
	path   string
	check  func() error
	query  func(after string) url.Values
	// read makes a row of a line, and tells the place that is reached with it.
	read func(line []byte) (row Row, after string, err error)
	// event makes a row of a line that is no data, where it is one; nil: none are.
	event func(name string, line []byte) (row Row, ok bool, err error)
}

func (f *follow[Row]) rows(ctx context.Context, after string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var zero Row
		if err := f.check(); err != nil {
			yield(zero, err)
			return
		}
		s := &stream[Row]{follow: f, after: after, yield: yield}
		for {
			err := s.connect(ctx)
			switch {
			case s.stopped || ctx.Err() != nil:
				return
			case permanent(err) || !s.connected:
				yield(zero, err)
				return
			}
			wait := pause(f.client.backoff, s.failures)
			s.failures++
			f.client.reconnecting(f.client.fail("following", err), wait)
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}
}

// stream is the state of one follow over all its connections.
type stream[Row any] struct {
	*follow[Row]
	yield     func(Row, error) bool
	after     string // the place that has been reached
	connected bool   // it has worked once
	stopped   bool   // the consumer wants no more
	failures  int    // since a line last came
}

// connect reads one connection to its end and says why it ended.
func (s *stream[Row]) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := s.client.do(ctx, http.MethodGet, s.path, s.query(s.after), nil, api.TypeStream)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	watchdog := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watchdog.Stop()
	for line, err := range documents(resp.Body) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		watchdog.Stop() // what the consumer does with a row may take its time
		if err := s.take(line); err != nil || s.stopped {
			return err
		}
		watchdog.Reset(silence)
	}
	return fmt.Errorf("the hub closed the stream: %w", io.EOF)
}

// take handles one line: a row for the consumer, or a sign of life.
func (s *stream[Row]) take(line []byte) error {
	s.connected, s.failures = true, 0
	var event api.Event
	if err := decode(line, &event); err != nil {
		return err
	}
	if event.Event != "" {
		if event.Cursor != "" {
			s.after = event.Cursor
		}
		if s.event == nil {
			return nil
		}
		row, ok, err := s.event(event.Event, line)
		if err == nil && ok {
			s.stopped = !s.yield(row, nil)
		}
		return err
	}
	row, after, err := s.read(line)
	if err != nil {
		return err
	}
	// Set before the row is handed out: whoever stops here and comes back has it.
	s.after = after
	s.stopped = !s.yield(row, nil)
	return nil
}
