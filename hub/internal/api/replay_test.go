package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	types "picket.internal/api"
	"picket.internal/client"
	"picket.internal/hub/internal/api/apitest"
)

// What the log holds comes out at the client, byte for byte, in its order, with
// what there was to read and how it ended.
func TestReplayReadsWhatTheHubWrites(t *testing.T) {
	h := newHub(t)
	c := newClient(t, h.token)
	var want []jsontext.Value
	for n := range 30 {
		s := apitest.Stored(apitest.CanaryFact(n, []string{"", "\x1b]0;x\x07<img>\u202e\"\\\n"}[n%2]))
		h.AddFact(s)
		want = append(want, s.Fact)
	}
	r, err := c.Replay(t.Context(), types.ReplayQuery{Kinds: []string{"canary"}})
	must(t, err)
	defer r.Close()
	var got []jsontext.Value
	for b, err := range r.All() {
		must(t, err)
		if b.Batch.Seq != 12 || b.Received.IsZero() || b.Cursor == "" {
			t.Fatalf("a batch says %+v", b)
		}
		got = append(got, b.Facts...)
	}
	if diff := cmp.Diff(want, got); diff != "" || r.Batches != 30 || r.End.Facts != 30 || r.End.Batches != 30 {
		t.Errorf("%d batches, end %+v, -want +got\n%s", r.Batches, r.End, diff)
	}
	again, err := c.Replay(t.Context(), types.ReplayQuery{After: "28"})
	must(t, err)
	defer again.Close()
	rest := 0
	for _, err := range again.All() {
		must(t, err)
		rest++
	}
	if rest != 2 {
		t.Errorf("%d batches after the 28th, want 2", rest)
	}
}

// A replay that is cut off is never taken for a whole one.
func TestReplayThatIsCutOff(t *testing.T) {
	h := newHub(t)
	c := newClient(t, h.token)
	for n := range 3 {
		h.AddFact(apitest.Stored(apitest.CanaryFact(n, "")))
	}
	h.Broken = errors.New("the disk is gone")
	r, err := c.Replay(t.Context(), types.ReplayQuery{})
	must(t, err)
	defer r.Close()
	var last error
	for _, err := range r.All() {
		last = err
	}
	if last == nil || r.End.Event != "" {
		t.Errorf("it ended with %v, %+v", last, r.End)
	}
	h.Err = types.ErrUnavailable
	if _, err := c.Replay(t.Context(), types.ReplayQuery{}); !errors.Is(err, types.ErrUnavailable) {
		t.Errorf("a hub that cannot: %v", err)
	}
	if _, err := c.Replay(t.Context(), types.ReplayQuery{Kinds: []string{""}}); !errors.Is(err, types.ErrMalformed) {
		t.Errorf("a query that means nothing: %v", err)
	}
}

// Replays are bounded, and their places are given back.
func TestTooManyReplays(t *testing.T) {
	h := newHub(t)
	c := newClient(t, h.token)
	h.AddFact(apitest.Stored(apitest.CanaryFact(1, "")))
	h.Hold = make(chan struct{})
	var open []*client.Replay
	for range 2 {
		r, err := c.Replay(t.Context(), types.ReplayQuery{})
		must(t, err)
		defer r.Close()
		open = append(open, r)
	}
	if _, err := c.Replay(t.Context(), types.ReplayQuery{}); !errors.Is(err, types.ErrUnavailable) || !strings.Contains(err.Error(), "other replays are under way") {
		t.Errorf("a third one: %v", err)
	}
	close(h.Hold)
	for _, r := range open {
		for _, err := range r.All() {
			must(t, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		r, err := c.Replay(ctx, types.ReplayQuery{})
		if err == nil {
			r.Close()
			return
		}
		must(t, ctx.Err()) // the hub notices in its own time that one has ended
	}
}

// An alert's facts are paged at the client as at the hub, and a stream of alerts
// tells which have grown without being taken for alerts.
func TestAlertFactsAndGrowth(t *testing.T) {
	h := newHub(t)
	c := newClient(t, h.token)
	h.AddAlert(apitest.Alert(1, "high", ""))
	h.AddAlert(apitest.Alert(2, "low", ""))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	news := make(chan client.AlertNews, 10)
	go func() {
		defer close(news)
		for n, err := range c.FollowAlertNews(ctx, types.AlertQuery{Severity: "high", After: types.FirstCursor}) {
			if err != nil {
				return
			}
			news <- n
		}
	}()
	if n := <-news; n.Alert == nil || n.Alert.ID != apitest.AlertID(1) || n.More != nil {
		t.Fatalf("first came %+v", n)
	}
	for n := range 12 {
		f := apitest.CanaryFact(n, "")
		h.GrowAlert(apitest.AlertID(2), f.Time, apitest.Stored(f))
		h.GrowAlert(apitest.AlertID(1), f.Time, apitest.Stored(f))
	}
	for {
		n := <-news
		if n.More == nil || n.More.ID != apitest.AlertID(1) || n.Alert != nil {
			t.Fatalf("then came %+v", n)
		}
		if n.More.Count == 13 {
			break
		}
	}
	first, err := c.AlertFacts(ctx, apitest.AlertID(1), types.AlertFactsQuery{Limit: 4})
	must(t, err)
	second, err := c.AlertFacts(ctx, apitest.AlertID(1), types.AlertFactsQuery{Limit: 100, After: first.Next})
	must(t, err)
	if len(first.Facts) != 4 || len(second.Facts) != 6 || second.Next != "" || first.Linked != 10 || first.Unlinked != 2 || first.Elsewhere == nil || first.Count != 13 {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}
	if _, err := c.AlertFacts(ctx, "x", types.AlertFactsQuery{}); !errors.Is(err, types.ErrNotFound) {
		t.Errorf("facts of no alert: %v", err)
	}
}

func TestRules(t *testing.T) {
	h := newHub(t)
	c := newClient(t, h.token)
	rules := []types.RunningRule{{ID: "a.b", Title: "x", Version: "1", Status: "test", Severity: "low", File: "a.yaml", Shadow: true, Matched: 3, Suppressed: 1,
		Errors: 2, LastError: "e", Disabled: true, Alerts: 1, ShadowAlerts: 2, LastAlert: apitest.Noon}}
	files := []types.RuleFile{{Name: "a.yaml", Text: "id: a.b\n# <é>\u202e\n"}}
	h.SetRules(rules, files)
	if diff := cmp.Diff(rules, all(t, c.Rules(t.Context()))); diff != "" {
		t.Errorf("rules: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(files, all(t, c.RuleFiles(t.Context()))); diff != "" {
		t.Errorf("files: -want +got\n%s", diff)
	}
}
