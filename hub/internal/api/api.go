// Package api serves the hub's HTTP API: what people and their programs may
// ask and change, each route with its method and role in one table (routes.go),
// all of them through one way in (endpoint.go).
//
// It judges who asks and what was asked, and leaves the answers to a Reader
// and an Admin. It must never touch the store itself, never answer without an
// access token, and never put the hub's insides into a body.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	types "picket.internal/api"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// Reader is where answers come from. Its methods are called by many goroutines
// at once.
type Reader interface {
	// Alerts returns what q chooses, newest first.
	Alerts(ctx context.Context, q types.AlertQuery) ([]types.Alert, error)
	// AlertsAfter returns the alerts stored after the one with that id, shadow
	// alerts too, oldest first. The id need not exist: types.FirstCursor is
	// before every alert.
	AlertsAfter(ctx context.Context, id string, limit int) ([]types.Alert, error)
	// Alert returns one, or types.ErrNotFound.
	Alert(ctx context.Context, id string) (types.Alert, error)
	// AlertFacts returns the facts that are linked to an alert, newest first, or
	// types.ErrNotFound.
	AlertFacts(ctx context.Context, id string, q types.AlertFactsQuery) (types.AlertFacts, error)
	// AlertsGrown returns alerts that have got duplicates after a step, shadow
	// alerts too, without their facts, and the step to go on from. The step 0 is
	// now: none, and where to go on.
	AlertsGrown(ctx context.Context, after uint64, limit int) (alerts []types.Alert, next uint64, err error)
	// Hosts returns every host, by name.
	Hosts(ctx context.Context) ([]types.Host, error)
	// HostKinds returns which kinds of facts each host has sent.
	HostKinds(ctx context.Context) ([]types.HostKind, error)
	// Inventories returns what is held of a host, by kind; none of one that is unknown.
	Inventories(ctx context.Context, hostID string) ([]types.Inventory, error)
	// Inventory hands over each entity of an inventory, until each fails.
	Inventory(ctx context.Context, hostID, kind string, each func(types.Entity) error) error
	// Facts returns what q chooses, newest first.
	Facts(ctx context.Context, q types.FactQuery) ([]types.StoredFact, error)
	// FactsAfter returns what q chooses of the facts stored after cursor, oldest
	// first, and the cursor to go on from, which also moves past facts that q
	// does not choose. An empty cursor is now: no facts, and where to go on.
	FactsAfter(ctx context.Context, cursor string, q types.FactQuery) (facts []types.StoredFact, next string, err error)
	// Replay tells begin how many batches q chooses, then gives out each, oldest
	// first, until give fails, and returns how that went.
	Replay(ctx context.Context, q types.ReplayQuery, begin func(batches int64) error, give func(*types.LogBatch) error) (types.ReplayEvent, error)
	// Rules returns the rules that run, by id.
	Rules(ctx context.Context) ([]types.RunningRule, error)
	// Filters returns the filters of these rules, by name.
	Filters(ctx context.Context) ([]types.RunningFilter, error)
	// RuleFiles returns the files that they were loaded from, by name.
	RuleFiles(ctx context.Context) ([]types.RuleFile, error)
	// Changed returns a channel that is closed at the next commit that adds
	// alerts or facts; for the one after that, ask again.
	Changed() <-chan struct{}
	// Status returns how the hub is.
	Status(ctx context.Context) (types.Status, error)
}

// Admin is what changes the hub.
type Admin interface {
	// SetHostState makes a host enrolled or disabled, or returns types.ErrNotFound.
	SetHostState(ctx context.Context, id, state string) error
	// EnableRule switches a rule on again, or returns types.ErrNotFound.
	EnableRule(ctx context.Context, id string) error
	// CreateEnrollToken makes a token; the request's bounds are checked already.
	CreateEnrollToken(ctx context.Context, req types.EnrollTokenRequest) (types.EnrollTokenReply, error)
	// Authorize checks an access token, the secret in constant time, or returns
	// types.ErrUnauthorized.
	Authorize(ctx context.Context, tokenID, secret string) error
}

// maxFollowers is how many follow streams are open at once, over all clients.
const maxFollowers = 64

// Handler serves the API.
type Handler struct {
	reader Reader
	admin  Admin
	// responder is nil where nobody responds.
	responder Responder
	log       *slog.Logger
	mux       http.Handler

	followers chan struct{} // one token a follow stream
	replays   chan struct{} // one token a replay

	mu       sync.Mutex
	counters map[string]int64 // guarded by mu
}

// New returns the handler of everything under types.Prefix. It sets deadlines
// of its own, so that the server's write timeout may be any.
func New(reader Reader, admin Admin, log *slog.Logger) *Handler {
	h := &Handler{
		reader:    reader,
		admin:     admin,
		log:       log,
		followers: make(chan struct{}, maxFollowers),
		replays:   make(chan struct{}, maxReplays),
		counters:  make(map[string]int64),
	}
	mux := http.NewServeMux()
	for path, methods := range byPath(routes) {
		mux.Handle(path, h.endpoint(methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		h.count("api.not_found")
		httpwire.WriteProblem(w, http.StatusNotFound, wire.Problem{ID: "api.not_found", Detail: "no such path"})
	})
	// No browser has an access token, so this refuses what could not succeed;
	// it stands for the day on which a cookie opens the API.
	h.mux = http.NewCrossOriginProtection().Handler(mux)
	return h
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	h.mux.ServeHTTP(w, r)
}

// Counters returns how often each answer was given, by error id, and
// "api.requests" for all of them.
func (h *Handler) Counters() map[string]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	counters := make(map[string]int64, len(h.counters))
	for name, n := range h.counters {
		counters[name] = n
	}
	return counters
}

func (h *Handler) count(name string) {
	h.mu.Lock()
	h.counters[name]++
	h.mu.Unlock()
}
