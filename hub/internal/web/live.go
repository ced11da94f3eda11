package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	types "picket.internal/api"
	"picket.internal/display/sentence"
)

// maxViewers is how many streams of news are open at once. Each is an open
// page; a browser opens six to one address and then waits.
const maxViewers = 64

// How a stream of news behaves.
const (
	beatEvery    = 15 * time.Second // also when there is no news, so that both sides know
	writeTimeout = 30 * time.Second
	livePage     = 200
	moreEvery    = 2 * time.Second // however many duplicates come
	morePage     = 100
)

// live sends news as server-sent events: "alert" for every alert that the
// page's filter chooses, "more" for one that has got duplicates, "beat"
// otherwise. An event carries no text of a host, only that there is something to
// fetch, or a count. Its id is where to go on.
func (u *ui) live(w http.ResponseWriter, r *http.Request) {
	q, err := types.ParseAlertQuery(withoutKey(r.URL.Query()))
	if err != nil {
		http.Error(w, "malformed query", http.StatusBadRequest)
		return
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" && len(last) <= types.MaxText {
		q.After = last // the browser takes the stream up again
	}
	select {
	case u.viewers <- struct{}{}:
		defer func() { <-u.viewers }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	s := &newsStream{ui: u, w: w, control: http.NewResponseController(w), query: q}
	if err := s.run(r.Context()); err != nil && r.Context().Err() == nil {
		u.Logger.Error("sending news failed", "error", err)
	}
}

// newsStream is one page's stream of news.
type newsStream struct {
	*ui
	w       http.ResponseWriter
	control *http.ResponseController
	query   types.AlertQuery
	step    uint64    // up to which it was told what has grown
	grown   time.Time // when it last was
	owed    bool      // something may have grown since
}

func (s *newsStream) run(ctx context.Context) error {
	if err := s.send("retry: 2000\n"); err != nil {
		return err
	}
	var err error
	// Before the first beat: what grows from then on is told.
	if _, s.step, err = s.Reader.AlertsGrown(ctx, 0, morePage); err != nil {
		return fmt.Errorf("reading alerts that have grown: %w", err)
	}
	if err := s.event("beat"); err != nil {
		return err
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		changed := s.Reader.Changed() // asked for before reading: nothing is slept through
		more, err := s.news(ctx)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-s.due():
		case <-beat.C:
			if err := s.event("beat"); err != nil {
				return err
			}
		}
	}
}

// news sends what has come since; more tells whether there is still more.
func (s *newsStream) news(ctx context.Context) (more bool, err error) {
	if s.query.After == "" {
		return false, nil // a page that only wants beats
	}
	if err := s.more(ctx); err != nil {
		return false, err
	}
	alerts, err := s.Reader.AlertsAfter(ctx, s.query.After, livePage)
	if err != nil {
		return false, fmt.Errorf("reading alerts: %w", err)
	}
	for i := range alerts {
		s.query.After = alerts[i].ID
		if s.query.Matches(&alerts[i]) {
			if err := s.event("alert"); err != nil {
				return false, err
			}
		}
	}
	return len(alerts) == livePage, nil
}

// more tells of alerts that have got duplicates, now and then.
func (s *newsStream) more(ctx context.Context) error {
	if time.Since(s.grown) < moreEvery {
		s.owed = true
		return nil
	}
	s.grown, s.owed = time.Now(), false
	alerts, next, err := s.Reader.AlertsGrown(ctx, s.step, morePage)
	if err != nil {
		return fmt.Errorf("reading alerts that have grown: %w", err)
	}
	s.step = next
	for i := range alerts {
		a := &alerts[i]
		if !s.query.Matches(a) {
			continue
		}
		data, err := json.Marshal(map[string]any{"id": a.ID, "count": a.Count, "words": sentence.More(a, s.Now())})
		if err != nil {
			return err
		}
		if err := s.send(fmt.Sprintf("event: more\nid: %s\ndata: %s\n\n", Text(s.query.After).Line(), data)); err != nil {
			return err
		}
	}
	return nil
}

// due fires when it may be told again what has grown, where something may have.
func (s *newsStream) due() <-chan time.Time {
	if !s.owed {
		return nil
	}
	return time.After(time.Until(s.grown.Add(moreEvery)))
}

// event sends one. Ids are the hub's own, or came from the asker himself: one
// with a newline in it could only forge an event for him.
func (s *newsStream) event(name string) error {
	return s.send(fmt.Sprintf("event: %s\nid: %s\ndata: {}\n\n", name, Text(s.query.After).Line()))
}

func (s *newsStream) send(text string) error {
	// A server that cannot set deadlines, as in tests, has none to be set.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
