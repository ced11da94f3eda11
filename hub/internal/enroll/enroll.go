// Package enroll lets hosts in: it hands out one-time tokens, and takes a host
// that shows one together with the proof that it holds the key that it brings.
//
// A token is text that a person carries from the hub to a host. It holds the
// hub's address and pins, so that the first contact already is with the right
// hub. Here only the digest of its secret is kept.
//
// The package must never write a token's secret to a log, an error or the
// store, and never give a host an identity that it asked for: identities are
// made here.
package enroll

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"picket.internal/api"
	"picket.internal/envelope"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/stats"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

const (
	// maxBody is more than a request and its envelope need.
	maxBody = 32 << 10
	// perSecond and burst bound enrollments over all clients: trying secrets is
	// hopeless anyway, and this keeps it from costing anything.
	perSecond = 20
	burst     = 200
)

// Store is where hosts and tokens are kept.
type Store interface {
	Enroll(ctx context.Context, r *wire.EnrollRequest) (store.Enrolled, error)
	AddEnrollToken(ctx context.Context, t store.NewToken) (time.Time, error)
}

// Config says what a Desk works with. All fields must be set but BodyTimeout.
type Config struct {
	// Hub is the hub's id, and Key its online key's public half.
	Hub string
	Key envelope.PublicKey
	// Address is where sensors reach the hub, host:port.
	Address string
	// Pins are the TLS keys that a host is to accept.
	Pins []wire.Pin
	// Store keeps hosts and tokens.
	Store Store
	// Stats counts by cause.
	Stats *stats.Set
	// BodyTimeout is how long a request may take to arrive; empty means 30 s.
	BodyTimeout time.Duration
	// Logger is told who came.
	Logger *slog.Logger
}

// Desk makes tokens and serves wire.PathEnroll.
type Desk struct {
	cfg   Config
	limit *rate.Limiter
}

// New returns a desk.
func New(cfg Config) *Desk {
	if cfg.BodyTimeout == 0 {
		cfg.BodyTimeout = 30 * time.Second
	}
	return &Desk{cfg: cfg, limit: rate.NewLimiter(perSecond, burst)}
}

// CreateToken makes an enrollment token. Its text is in the answer and nowhere
// else.
func (d *Desk) CreateToken(ctx context.Context, req api.EnrollTokenRequest) (api.EnrollTokenReply, error) {
	if req.TTLSeconds == 0 {
		req.TTLSeconds = api.DefaultTTLSeconds
	}
	if req.Uses == 0 {
		req.Uses = 1
	}
	if req.TTLSeconds < 0 || req.TTLSeconds > api.MaxTTLSeconds || req.Uses < 0 || req.Uses > api.MaxUses {
		return api.EnrollTokenReply{}, api.ErrMalformed
	}
	t := wire.Token{Address: d.cfg.Address, Hub: d.cfg.Hub, ID: wire.NewTokenID(), Pins: d.cfg.Pins, Secret: wire.NewSecret()}
	expires, err := d.cfg.Store.AddEnrollToken(ctx, store.NewToken{ID: t.ID, Secret: t.Secret, Name: req.Name,
		TTL: time.Duration(req.TTLSeconds) * time.Second, Uses: req.Uses})
	if err != nil {
		return api.EnrollTokenReply{}, err
	}
	return api.EnrollTokenReply{Token: t.String(), ID: t.ID, Expires: expires}, nil
}

// ServeHTTP answers one enrollment with a wire.EnrollReply, or with a
// wire.Problem.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply, err := d.serve(w, r)
	if err != nil {
		f := fault.Of(err)
		d.cfg.Stats.Add(f.ID, 1)
		level := slog.LevelWarn
		if errors.Is(f, fault.EnrolRateLimited) { // it is the limit that keeps the log short
			level = slog.LevelDebug
		}
		d.cfg.Logger.Log(r.Context(), level, "enrollment refused", "id", f.ID, "detail", f.Detail, "from", r.RemoteAddr)
		if f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		if errors.Is(f, fault.Internal) {
			d.cfg.Logger.Error("enrolling failed", "error", err)
		}
		httpwire.WriteProblem(w, f.Status, wire.Problem{ID: f.ID, Detail: f.Detail})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(reply)
}

func (d *Desk) serve(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if !d.limit.Allow() {
		return nil, fault.EnrolRateLimited.With("too many enrollments at once")
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != wire.ContentType {
		return nil, fault.EnrolMalformed.With("want POST with Content-Type %s", wire.ContentType)
	}
	if r.TLS == nil {
		return nil, fault.EnrolMalformed.With("no TLS")
	}
	key, err := wire.PeerKey(*r.TLS)
	if errors.Is(err, wire.ErrNoCertificate) {
		return nil, fault.EnrolNoKey.With("the connection must be opened with the new host key")
	}
	if err != nil {
		return nil, refused(err)
	}
	body, err := d.readBody(w, r)
	if err != nil {
		return nil, err
	}
	req, err := wire.OpenEnroll(body, key)
	if err != nil {
		return nil, refused(err)
	}
	out, err := d.cfg.Store.Enroll(r.Context(), req)
	if err != nil {
		return nil, err
	}
	d.told(req, out)
	reply := wire.EnrollReply{Host: out.Host, Hub: d.cfg.Hub, HubKey: d.cfg.Key, Pins: d.cfg.Pins, State: wire.StateEnrolled}
	if out.State == api.HostPending {
		reply.State = wire.StatePending
	}
	return reply.Encode()
}

func (d *Desk) told(req *wire.EnrollRequest, out store.Enrolled) {
	d.cfg.Logger.Info("host enrolled", "host", out.Host, "state", out.State, "again", out.Again, "token", req.Token, "name", req.Name)
	switch {
	case out.Again:
		d.cfg.Stats.Add("enrol.again", 1)
	case out.State == api.HostPending:
		d.cfg.Stats.Add("enrol.pending", 1)
	default:
		d.cfg.Stats.Add("enrol.enrolled", 1)
	}
}

func (d *Desk) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d.cfg.BodyTimeout))
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, maxBody+1)); err != nil {
		return nil, fault.EnrolMalformed.With("the body did not arrive whole")
	}
	if buf.Len() > maxBody {
		return nil, fault.EnrolTooLarge.With("more than %d bytes", maxBody)
	}
	return buf.Bytes(), nil
}

// refused gives a request that does not verify the id of what is wrong with it.
func refused(err error) error {
	if id := wire.ErrorID(err); id != "" {
		return fault.As(id, http.StatusBadRequest, err)
	}
	return err
}
