// Package hubtest starts a real hub inside a test: in a folder of its own, on
// loopback, with real TLS and a real database. Hosts are played at the level of
// the wire, with keys of their own, so that a test can also send what no sensor
// would.
//
// It is for tests only. It must never take a shortcut into the hub: what it
// does goes over the listeners.
package hubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/envelope"
	"picket.internal/hub"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// Hub is a hub that serves until the test ends.
type Hub struct {
	*hub.Hub
	// Dir is its folder.
	Dir string
	// Access is the access token that init made.
	Access *wire.AccessToken
	// Log holds what the hub has logged.
	Log *Log

	t      testing.TB
	config func(*hub.Config)
	api    *http.Client
	cancel context.CancelFunc
	done   chan error
}

// Log collects a hub's log lines.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write takes a line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is everything that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// New makes a hub and starts it. configure changes its configuration; nil
// leaves it as it is.
func New(t testing.TB, configure func(*hub.Config)) *Hub {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hub")
	return NewIn(t, dir, configure)
}

// NewIn makes a hub in the folder dir and starts it.
func NewIn(t testing.TB, dir string, configure func(*hub.Config)) *Hub {
	t.Helper()
	made, err := hub.Init(t.Context(), hub.InitConfig{Dir: dir, Listen: "127.0.0.1:0", UIListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	h := &Hub{Dir: dir, Log: &Log{}, t: t, config: configure}
	h.Access = readProfile(t, made.Profile)
	h.Start()
	t.Cleanup(func() { h.Stop() })
	return h
}

func readProfile(t testing.TB, path string) *wire.AccessToken {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Token string }
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	token, err := wire.ParseAccessToken(p.Token)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Start runs the hub; only needed after Stop.
func (h *Hub) Start() {
	h.t.Helper()
	cfg := hub.Config{Dir: h.Dir, LearnFor: -1, AttestEvery: -1, Version: "test",
		Logger: slog.New(slog.NewTextHandler(h.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if h.config != nil {
		h.config(&cfg)
	}
	running, err := hub.New(h.t.Context(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.Hub = running
	h.api = httpwire.NewClient(running.Pins(), envelope.PrivateKey{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	h.cancel, h.done = cancel, done
	go func() { done <- running.Run(ctx) }()
}

// Stop ends the hub and waits until it has. It may be called again.
func (h *Hub) Stop() {
	h.t.Helper()
	if h.done == nil {
		return
	}
	h.cancel()
	h.api.CloseIdleConnections()
	select {
	case err := <-h.done:
		if err != nil {
			h.t.Errorf("the hub ended with an error: %v", err)
		}
	case <-time.After(patience):
		h.t.Errorf("the hub did not stop")
	}
	h.done = nil
}

// Restart stops the hub and starts it again in the same folder.
func (h *Hub) Restart() {
	h.t.Helper()
	h.Stop()
	h.Start()
}

// URL is the address of a path.
func (h *Hub) URL(path string) string { return "https://" + h.Address() + path }

// Do asks the API, with the access token, and returns status and body.
func (h *Hub) Do(method, path, body string) (int, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.URL(path), strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.Access.String())
	if body != "" {
		req.Header.Set("Content-Type", api.TypeJSON)
	}
	resp, err := h.api.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// Get asks the API for a document or a stream of documents of one type.
func Get[T any](h *Hub, path string) []T {
	h.t.Helper()
	status, text := h.Do(http.MethodGet, path, "")
	if status != http.StatusOK {
		h.t.Fatalf("GET %s: %d %s", path, status, text)
	}
	var out []T
	dec := json.NewDecoder(strings.NewReader(text))
	for {
		var one T
		err := dec.Decode(&one)
		if err == io.EOF {
			return out
		}
		if err != nil {
			h.t.Fatalf("GET %s: %v", path, err)
		}
		out = append(out, one)
	}
}

// Counters returns the hub's counters.
func (h *Hub) Counters() map[string]int64 {
	h.t.Helper()
	return Get[api.Status](h, api.PathStatus)[0].Counters
}

// Hosts returns the hub's hosts by id.
func (h *Hub) Hosts() map[string]api.Host {
	h.t.Helper()
	hosts := map[string]api.Host{}
	for _, host := range Get[api.Host](h, api.PathHosts) {
		hosts[host.ID] = host
	}
	return hosts
}

// SetHost disables, enables or approves a host.
func (h *Hub) SetHost(id, verb string) {
	h.t.Helper()
	if status, text := h.Do(http.MethodPost, api.PathHosts+"/"+id+"/"+verb, ""); status != http.StatusOK {
		h.t.Fatalf("%s %s: %d %s", verb, id, status, text)
	}
}

// Alerts returns the alerts of a rule, newest first; of every rule for "".
func (h *Hub) Alerts(rule string) []api.Alert {
	h.t.Helper()
	q := api.AlertQuery{RuleID: rule, IncludeShadow: true, Limit: api.MaxLimit}
	return Get[api.Alert](h, api.PathAlerts+"?"+q.Values().Encode())
}

// WaitAlerts waits until there are n alerts of a rule, and returns them.
func (h *Hub) WaitAlerts(rule string, n int) []api.Alert {
	h.t.Helper()
	var alerts []api.Alert
	h.Wait(fmt.Sprintf("%d alerts of %q", n, rule), func() bool {
		alerts = h.Alerts(rule)
		return len(alerts) >= n
	})
	return alerts
}

// Wait looks until ok, and fails the test where it never is.
func (h *Hub) Wait(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			h.t.Fatalf("waited %s in vain for %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond) // between two looks over the API, there is no event
	}
}

// Facts returns the stored facts that a query chooses.
func (h *Hub) Facts(q api.FactQuery) []api.StoredFact {
	h.t.Helper()
	return Get[api.StoredFact](h, api.PathFacts+"?"+q.Values().Encode())
}

// EnrollToken makes an enrollment token over the API.
func (h *Hub) EnrollToken(uses int) *wire.Token {
	h.t.Helper()
	status, text := h.Do(http.MethodPost, api.PathEnrollTokens, fmt.Sprintf(`{"ttl_s":600,"uses":%d}`, uses))
	if status/100 != 2 {
		h.t.Fatalf("making a token: %d %s", status, text)
	}
	var reply api.EnrollTokenReply
	if err := json.Unmarshal([]byte(text), &reply); err != nil {
		h.t.Fatal(err)
	}
	token, err := wire.ParseToken(reply.Token)
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}
