package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"picket.internal/envelope"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/stats"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// Limits bound what a client may cost. Each field's zero value means its
// default.
type Limits struct {
	// WireBytes is the length of a body as it travels; empty means 1 MiB.
	WireBytes int64
	// Bytes is the length of a body once unpacked; empty means 8 MiB.
	Bytes int64
	// BodyTimeout is how long a body may take to arrive; empty means 30 s.
	BodyTimeout time.Duration
	// PerHost is how many batches of one host may be under way at once; empty means 4.
	PerHost int
	// Workers is how many batches are unpacked and parsed at once, over all
	// hosts; empty means two for each processor.
	Workers int
}

func (l Limits) withDefaults() Limits {
	if l.WireBytes == 0 {
		l.WireBytes = 1 << 20
	}
	if l.Bytes == 0 {
		l.Bytes = 8 << 20
	}
	if l.BodyTimeout == 0 {
		l.BodyTimeout = 30 * time.Second
	}
	if l.PerHost == 0 {
		l.PerHost = 4
	}
	if l.Workers == 0 {
		l.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	return l
}

// Store is where batches go.
type Store interface {
	Authenticate(ctx context.Context, key envelope.PublicKey) (store.Peer, error)
	Append(ctx context.Context, hostID string, b *store.Batch) (store.Stored, error)
	Held(ctx context.Context, hostID, session, kind string) (store.Held, error)
}

// Watch is told about hosts.
type Watch interface {
	// Heard is told of every batch that a host's key has signed.
	Heard(hostID string)
	// Refused is told of every batch of a known host that was refused.
	Refused(peer store.Peer, id string)
}

// Config says what a Handler works with. All but Limits must be set.
type Config struct {
	// Hub is the hub's id; a batch must be meant for it.
	Hub string
	// Key signs acknowledgements.
	Key envelope.PrivateKey
	// Store takes the batches.
	Store Store
	// Watch is told who was heard and who was refused.
	Watch Watch
	// Stats counts by cause.
	Stats *stats.Set
	// Limits bound a client.
	Limits Limits
	// Logger is told of what is refused.
	Logger *slog.Logger
}

// Handler serves wire.PathBatch.
type Handler struct {
	cfg     Config
	limits  Limits
	workers chan struct{} // one token a batch that is unpacked or parsed

	mu   sync.Mutex
	busy map[string]int // batches under way, by host; guarded by mu
}

// New returns a handler.
func New(cfg Config) *Handler {
	l := cfg.Limits.withDefaults()
	return &Handler{cfg: cfg, limits: l, workers: make(chan struct{}, l.Workers), busy: map[string]int{}}
}

// ServeHTTP answers one batch with its acknowledgement, or with a wire.Problem.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ack, err := h.serve(w, r)
	if err != nil && r.Context().Err() != nil {
		h.cfg.Stats.Add("batch.client_gone", 1) // nobody is there to be answered
		return
	}
	if err != nil {
		h.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", wire.ContentType)
	w.Write(ack)
}

// retryAfter is what a client is told that should come again later. Unit: seconds.
const retryAfter = "1"

func (h *Handler) refuse(w http.ResponseWriter, err error) {
	f := fault.Of(err)
	h.cfg.Stats.Add(f.ID, 1)
	if f.Status == http.StatusInternalServerError {
		h.cfg.Logger.Error("answering a batch failed", "error", err)
	}
	if f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	httpwire.WriteProblem(w, f.Status, wire.Problem{ID: f.ID, Detail: f.Detail})
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != wire.ContentType {
		return nil, fault.BatchMalformed.With("want POST with Content-Type %s", wire.ContentType)
	}
	peer, key, err := h.authenticate(r)
	if err != nil {
		return nil, err
	}
	if !h.enter(peer.ID) {
		return nil, fault.HostBusy.With("more than %d batches of the host are under way", h.limits.PerHost)
	}
	defer h.leave(peer.ID)
	ack, err := h.batch(w, r, peer, key)
	if err != nil {
		f := fault.Of(err)
		// The log that people read is told by Watch, which bounds it.
		h.cfg.Logger.Debug("batch refused", "host", peer.ID, "id", f.ID, "detail", f.Detail)
		if f.Status < http.StatusInternalServerError && f.Status != http.StatusTooManyRequests && !errors.Is(f, fault.BatchFork) {
			h.cfg.Watch.Refused(peer, f.ID) // a fork is told by the store, with the batch that it contradicts
		}
	}
	return ack, err
}

// authenticate finds the host by the key that it proved in the TLS handshake.
func (h *Handler) authenticate(r *http.Request) (store.Peer, envelope.PublicKey, error) {
	if r.TLS == nil {
		return store.Peer{}, envelope.PublicKey{}, fault.HostUnknown.With("no TLS")
	}
	key, err := wire.PeerKey(*r.TLS)
	if err != nil {
		return store.Peer{}, envelope.PublicKey{}, fault.HostUnknown.With("%v", err)
	}
	peer, err := h.cfg.Store.Authenticate(r.Context(), key)
	return peer, key, err
}

// batch is the way of one body from the wire to the store.
func (h *Handler) batch(w http.ResponseWriter, r *http.Request, peer store.Peer, key envelope.PublicKey) ([]byte, error) {
	body, err := h.readBody(w, r)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	opened, b, refused, err := h.open(r, body, peer, key)
	if err != nil {
		return nil, err
	}
	h.cfg.Watch.Heard(peer.ID)
	stored, err := h.cfg.Store.Append(r.Context(), peer.ID, b)
	if err != nil {
		return nil, err
	}
	h.count(stored, b, refused)
	ack := wire.Ack{Hub: h.cfg.Hub, Host: peer.ID, Session: opened.Session, Seq: opened.Seq, Digest: opened.Digest,
		At: stored.At.UTC(), Duplicate: stored.Duplicate, Refused: acked(refused), Resync: stored.Resync}
	sealed, err := wire.SealAck(&ack, h.cfg.Key)
	h.cfg.Stats.BatchTook(time.Since(began))
	return sealed, err
}

// open unpacks, verifies and parses a body, while it holds a worker's place.
func (h *Handler) open(r *http.Request, body []byte, peer store.Peer, key envelope.PublicKey) (*wire.Opened, *store.Batch, []refusal, error) {
	select {
	case h.workers <- struct{}{}:
		defer func() { <-h.workers }()
	case <-r.Context().Done():
		return nil, nil, nil, fault.HubBusy
	}
	data, err := unpack(body, r.Header.Get("Content-Encoding"), h.limits.Bytes)
	if err != nil {
		return nil, nil, nil, err
	}
	opened, err := wire.Open(data, key)
	if err != nil {
		return nil, nil, nil, openFault(err)
	}
	switch {
	case opened.Host != peer.ID:
		return nil, nil, nil, fault.BatchWrongHost.With("the batch names host %q, its key is of %q", opened.Host, peer.ID)
	case opened.Hub != h.cfg.Hub:
		return nil, nil, nil, fault.BatchWrongHub.With("the batch is meant for hub %q, this is %q", opened.Hub, h.cfg.Hub)
	}
	b, err := store.Verified(opened)
	if err != nil {
		return nil, nil, nil, fault.BatchMalformed.With("%v", err)
	}
	refused := parseFacts(b, opened.Facts, peer.ID)
	return opened, b, refused, nil
}

// openFault gives a batch that does not verify the id of what is wrong with it.
func openFault(err error) error {
	id := wire.ErrorID(err)
	switch {
	case id == "":
		return err
	case errors.Is(err, envelope.ErrTooLarge):
		return fault.As(id, http.StatusRequestEntityTooLarge, err)
	}
	return fault.As(id, http.StatusBadRequest, err)
}

func (h *Handler) count(stored store.Stored, b *store.Batch, refused []refusal) {
	add := h.cfg.Stats.Add
	if stored.Duplicate {
		add("batch.duplicate", 1)
		return
	}
	add("batch.accepted", 1)
	add("fact.accepted", int64(len(b.Entries)))
	if stored.Gap > 0 {
		add("batch.gap", 1)
	}
	if stored.Late {
		add("batch.late", 1)
	}
	for _, r := range refused {
		add(r.id, 1)
	}
}

// enter takes a place for a batch of the host.
func (h *Handler) enter(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy[id] >= h.limits.PerHost {
		return false
	}
	h.busy[id]++
	return true
}

func (h *Handler) leave(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy[id]--; h.busy[id] == 0 {
		delete(h.busy, id)
	}
}

// timedOut tells a deadline of ours from a client that went away.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
