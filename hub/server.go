package hub

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	types "picket.internal/api"
	"picket.internal/hub/internal/enroll"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/ingest"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// Paths beside those of sensors and the API, all on the address of both.
const (
	pathHealth  = "/healthz" // the process lives
	pathReady   = "/readyz"  // the store answers
	pathMetrics = "/metrics" // for Prometheus, with an access token
)

// routes is everything behind the TLS listener.
func (h *Hub) routes(desk *enroll.Desk, batches *ingest.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(wire.PathBatch, batches)
	mux.HandleFunc("POST "+wire.PathHeld+"/{session}/{kind}", batches.ServeHeld)
	mux.Handle(wire.PathEnroll, desk)
	mux.Handle("POST "+wire.PathOrders, h.stoppable(http.HandlerFunc(h.respond.ServeOrders)))
	mux.HandleFunc("POST "+wire.PathReceipts, h.respond.ServeReceipts)
	mux.HandleFunc("POST "+wire.PathEvidence, h.respond.ServeEvidence)
	mux.HandleFunc("GET "+wire.PathTrust, h.respond.ServeTrust)
	mux.Handle(types.Prefix+"/", h.stoppable(h.api))
	mux.HandleFunc("GET "+pathHealth, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET "+pathReady, h.ready)
	mux.Handle("GET "+pathMetrics, h.authorized(promhttp.HandlerFor(h.stats.Registry(), promhttp.HandlerOpts{MaxRequestsInFlight: 4})))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		httpwire.WriteProblem(w, http.StatusNotFound, wire.Problem{ID: "hub.not_found", Detail: "no such path"})
	})
	return mux
}

// newServer bounds what a client can hold before a handler sees it.
func (h *Hub) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           h.guard(handler),
		MaxHeaderBytes:    h.cfg.Limits.headerBytes(),
		ReadHeaderTimeout: h.cfg.Limits.headerTimeout(),
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
}

// guard is around every request: a panic ends the request and not the hub, and
// a body has only so long to arrive, whoever reads it.
func (h *Hub) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.underWay.Add(1)
		defer h.underWay.Add(-1)
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // a handler breaks its stream off on purpose
			}
			h.stats.Add("hub.panic", 1)
			h.log.Error("a request panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			httpwire.WriteProblem(w, fault.Internal.Status, wire.Problem{ID: fault.Internal.ID})
		}()
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.cfg.Limits.bodyTimeout()))
		}
		next.ServeHTTP(w, r)
	})
}

// stoppable ends a request's context when the hub stops, for handlers whose
// answer would go on.
func (h *Hub) stoppable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(h.streams, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// authorized asks for an access token.
func (h *Hub) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		token, err := wire.ParseAccessToken(text)
		if err == nil {
			err = h.logins.Authorize(r.Context(), token.ID, token.Secret)
		}
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			httpwire.WriteProblem(w, http.StatusUnauthorized, wire.Problem{ID: "auth.refused", Detail: "want Authorization: Bearer and an access token"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ready tells whether a batch could be stored now, as far as reading tells.
func (h *Hub) ready(w http.ResponseWriter, r *http.Request) {
	if err := h.store.Ping(r.Context()); err != nil {
		h.log.Error("not ready", "error", err)
		httpwire.WriteProblem(w, http.StatusServiceUnavailable, wire.Problem{ID: fault.StoreFailed.ID})
		return
	}
	w.Write([]byte("ready\n"))
}

// limited bounds how many connections are open at once. One more waits in the
// kernel's queue until another one ends.
func (h *Hub) limited(l net.Listener) net.Listener {
	return &limitedListener{Listener: l, places: make(chan struct{}, h.cfg.Limits.connections()), closed: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	places chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	leave func()
}

func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
