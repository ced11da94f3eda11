package api_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	types "picket.internal/api"
	"picket.internal/client"
	"picket.internal/hub/internal/api/apitest"
	"picket.internal/wire"
)

func newClient(t *testing.T, token *wire.AccessToken) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Token: token})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func all[Row any](t *testing.T, seq iter.Seq2[Row, error]) []Row {
	t.Helper()
	var rows []Row
	for row, err := range seq {
		must(t, err)
		rows = append(rows, row)
	}
	return rows
}

// What goes in at the store comes out at the client, every field of it.
func TestClientReadsWhatTheHubWrites(t *testing.T) {
	h := newHub(t)
	c := newClient(t, h.token)
	ctx := t.Context()
	plain, hostile := apitest.Alert(1, "high", ""), apitest.Alert(2, "critical", "\x1b]0;x\x07<img>\u202e"+strings.Repeat("y", 300))
	plain.Last, plain.Count = plain.Time.Add(time.Hour), 4
	h.AddAlert(plain)
	h.AddAlert(hostile)
	if diff := cmp.Diff([]types.Alert{hostile, plain}, all(t, c.Alerts(ctx, types.AlertQuery{}))); diff != "" {
		t.Errorf("alerts: -want +got\n%s", diff)
	}
	got, err := c.Alert(ctx, plain.ID)
	must(t, err)
	if diff := cmp.Diff(plain, got); diff != "" {
		t.Errorf("alert: -want +got\n%s", diff)
	}
	host := apitest.Host(1, "web1", "")
	h.AddHost(host)
	h.AddHost(types.Host{ID: apitest.HostID(2), Name: "new", State: types.HostPending, Enrolled: apitest.Noon})
	if hosts := all(t, c.Hosts(ctx)); len(hosts) != 2 || cmp.Diff(host, hosts[0]) != "" {
		t.Errorf("hosts: %+v", hosts)
	}
	h.AddFact(apitest.Stored(apitest.CanaryFact(1, "")))
	stored := apitest.Stored(apitest.CanaryFact(1, ""))
	stored.Cursor = "1"
	if diff := cmp.Diff([]types.StoredFact{stored}, all(t, c.Facts(ctx, types.FactQuery{Kind: "canary"}))); diff != "" {
		t.Errorf("facts: -want +got\n%s", diff)
	}
	h.SetStatus(types.Status{Hub: "u_x", Version: "v1", Rules: types.RulesStatus{Loaded: 14, Source: "embedded"}})
	status, err := c.Status(ctx)
	if err != nil || status.Rules.Loaded != 14 || status.Counters["api.requests"] == 0 {
		t.Errorf("status: %+v, %v", status, err)
	}
	token, err := c.CreateEnrollToken(ctx, types.EnrollTokenRequest{})
	if err != nil || token.Token != "pkt1.for-3600-s-and-1-uses" {
		t.Errorf("token: %+v, %v", token, err)
	}
	changeHosts(t, h, c)
}

func changeHosts(t *testing.T, h *hub, c *client.Client) {
	for _, change := range []func(context.Context, string) (types.HostState, error){c.DisableHost, c.EnableHost} {
		_, err := change(t.Context(), apitest.HostID(1))
		must(t, err)
	}
	_, err := c.ApproveHost(t.Context(), apitest.HostID(2))
	must(t, err)
	want := []string{apitest.HostID(1) + " disabled", apitest.HostID(1) + " enrolled", apitest.HostID(2) + " enrolled"}
	if diff := cmp.Diff(want, h.States()); diff != "" {
		t.Errorf("changes: -want +got\n%s", diff)
	}
	_, err = c.DisableHost(t.Context(), apitest.HostID(2))
	must(t, err)
	if _, err := c.ApproveHost(t.Context(), apitest.HostID(2)); !errors.Is(err, types.ErrConflict) {
		t.Errorf("approving a disabled host: %v", err)
	}
}

func TestClientPutsPagesTogether(t *testing.T) {
	h := newHub(t)
	const n = 2*types.MaxLimit + 7
	for i := range n {
		h.AddAlert(apitest.Alert(i, "low", ""))
	}
	c := newClient(t, h.token)
	for limit, want := range map[int]int{0: n, 5: 5, types.MaxLimit: types.MaxLimit, types.MaxLimit + 1: types.MaxLimit + 1} {
		alerts := all(t, c.Alerts(t.Context(), types.AlertQuery{Limit: limit}))
		if len(alerts) != want || alerts[0].ID != apitest.AlertID(n-1) || alerts[want-1].ID != apitest.AlertID(n-want) {
			t.Errorf("limit %d: %d alerts", limit, len(alerts))
		}
	}
}

// A hub that breaks every stream after a few lines loses nothing and repeats
// nothing, as seen by someone who follows.
func TestFollowComesBackWithoutGapOrDouble(t *testing.T) {
	h := newHub(t)
	const n = 40
	breaking := &breaker{Handler: h.handler, lines: 3}
	server := httptest.NewUnstartedServer(breaking)
	server.TLS, server.EnableHTTP2, server.Config.ErrorLog = h.server.TLS, true, h.server.Config.ErrorLog
	server.StartTLS()
	t.Cleanup(server.Close)
	var broken int
	c, err := client.New(client.Options{Token: h.token, HubURL: server.URL, Backoff: time.Millisecond,
		Reconnecting: func(error, time.Duration) { broken++ }})
	must(t, err)
	go func() {
		for i := range n {
			h.AddAlert(apitest.Alert(i, "low", ""))
			h.AddFact(apitest.Stored(apitest.CanaryFact(i, "")))
		}
	}()
	var ids []string
	for a, err := range c.FollowAlerts(t.Context(), types.AlertQuery{After: types.FirstCursor}) {
		must(t, err)
		if ids = append(ids, a.ID); len(ids) == n {
			break
		}
	}
	for i, id := range ids {
		if id != apitest.AlertID(i) {
			t.Fatalf("alert %d is %s", i, id)
		}
	}
	var cursors []string
	for f, err := range c.FollowFacts(t.Context(), types.FactQuery{After: "0", Kind: "canary"}) {
		must(t, err)
		if cursors = append(cursors, f.Cursor); len(cursors) == n {
			break
		}
	}
	for i, cursor := range cursors {
		if cursor != strconv.Itoa(i+1) {
			t.Fatalf("fact %d is %s", i, cursor)
		}
	}
	if broken < n/breaking.lines {
		t.Errorf("the streams broke %d times; the test tests nothing", broken)
	}
}

// breaker ends every answer after so many lines.
type breaker struct {
	http.Handler
	lines int
}

func (b *breaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.Handler.ServeHTTP(&breakingWriter{ResponseWriter: w, left: b.lines}, r)
}

type breakingWriter struct {
	http.ResponseWriter
	left int
}

func (w *breakingWriter) Write(p []byte) (int, error) {
	if w.left--; w.left < 0 {
		return 0, errors.New("the line is cut")
	}
	return w.ResponseWriter.Write(p)
}

func (w *breakingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A follower that starts now hears nothing of before, everything from then on,
// and only what it asked for.
func TestFollowFromNow(t *testing.T) {
	h := newHub(t)
	h.AddAlert(apitest.Alert(1, "high", ""))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var heard []string
	waiting := h.Waiting()
	go func() {
		select {
		case <-waiting:
		case <-ctx.Done():
		}
		h.AddAlert(apitest.Alert(2, "high", ""))
		h.AddAlert(apitest.Alert(3, "low", ""))
		shadow := apitest.Alert(4, "high", "")
		shadow.Shadow = true
		h.AddAlert(shadow)
		h.AddAlert(apitest.Alert(5, "high", ""))
	}()
	for a, err := range newClient(t, h.token).FollowAlerts(ctx, types.AlertQuery{Severity: "high"}) {
		must(t, err)
		if heard = append(heard, a.ID); a.ID == apitest.AlertID(5) {
			break
		}
	}
	if diff := cmp.Diff([]string{apitest.AlertID(2), apitest.AlertID(5)}, heard); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTooManyFollowers(t *testing.T) {
	h := newHub(t)
	var streams []*http.Response
	defer func() {
		for _, resp := range streams {
			resp.Body.Close()
		}
	}()
	for range 65 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", h.server.URL+types.PathAlertsFollow, nil)
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+h.token.String())
		resp, err := h.http.Do(req)
		must(t, err)
		streams = append(streams, resp)
	}
	if last := streams[64]; last.StatusCode != 503 || last.Header.Get("Retry-After") == "" {
		t.Errorf("the 65th stream: %d", last.StatusCode)
	}
}
