// Package hub is the server: it enrolls hosts, takes what their sensors sign,
// keeps it, holds it against the rules, and answers people.
//
// Init makes a hub's folder once; New opens it, refuses one that is not whole,
// and binds the addresses; Run serves until its context ends. All the work is
// done by the packages below internal:
//
//	home     the folder: identity and keys
//	store    one SQLite database: the log, its index, hosts, alerts
//	ingest   batches from sensors
//	enroll   tokens, and hosts that bring one
//	fleet    hosts that fall silent, and what is refused of them
//	alert    the engine on its way through the log
//	respond  policies, tokens, receipts
//	audit    the append-only log of tokens and changes
//	api, web what people ask, by program and by browser
//	fault    the ids of everything that is refused
//	stats    counters
//
// Nothing but cmd, e2e and the test kit hub/hubtest imports this package.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"picket.internal/engine"
	"picket.internal/envelope"
	"picket.internal/hub/internal/alert"
	"picket.internal/hub/internal/api"
	"picket.internal/hub/internal/enroll"
	"picket.internal/hub/internal/fleet"
	"picket.internal/hub/internal/home"
	"picket.internal/hub/internal/ingest"
	"picket.internal/hub/internal/respond"
	"picket.internal/hub/internal/stats"
	"picket.internal/hub/internal/store"
	"picket.internal/hub/internal/web"
	"picket.internal/wire"
)

// stopWithin is how long requests that are under way may take once the hub is
// told to stop.
const stopWithin = 5 * time.Second

// Hub is a hub with its folder open and its addresses bound.
type Hub struct {
	cfg     Config
	log     *slog.Logger
	home    *home.Home
	release func() error // lets go of the folder
	store   *store.Store
	engine  *engine.Engine
	rules   *rules
	stats   *stats.Set
	logins  *logins
	started time.Time

	monitor  *fleet.Monitor
	consumer *alert.Consumer
	api      *api.Handler
	respond  *respond.Desk

	listener, uiListener net.Listener // uiListener is nil without a web page
	server, uiServer     *http.Server
	uiURL                string
	underWay             atomic.Int64    // requests
	streams              context.Context // ends first, so that streams end
	endStreams           context.CancelFunc
}

// New opens the folder that Init made and binds the addresses. It never makes a
// folder, and refuses one that is not a whole hub's or that another hub serves.
func New(ctx context.Context, cfg Config) (*Hub, error) {
	h := &Hub{cfg: cfg, log: cfg.logger(), stats: stats.New(), started: time.Now().UTC()}
	h.streams, h.endStreams = context.WithCancel(context.Background())
	if err := h.open(ctx); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *Hub) open(ctx context.Context) (err error) {
	if h.home, err = home.Open(home.Dir(h.cfg.Dir)); err != nil {
		return err
	}
	if h.release, err = h.home.Lock(); err != nil {
		return err
	}
	h.store, err = store.Open(ctx, h.home.Dir.Database(), h.storeOptions())
	if err != nil {
		return err
	}
	now := h.cfg.Now
	if now == nil {
		now = time.Now
	}
	h.logins = &logins{store: h.store, log: h.log, now: now, used: map[string]time.Time{}}
	h.engine = engine.New(engine.Config{Logger: h.log})
	if h.rules, err = loadRules(h.cfg.Rules, h.engine, h.log); err != nil {
		return err
	}
	if err := h.bind(); err != nil {
		return err
	}
	if err := h.rules.record(ctx, h.store); err != nil {
		return err
	}
	if err := h.recordSettings(ctx); err != nil {
		return err
	}
	if err := h.recordKeys(ctx); err != nil {
		return err
	}
	h.respond, err = respond.New(ctx, respond.Config{Hub: h.home.Hub, Key: h.home.EAT, NotAfter: h.home.EATNotAfter, Signers: h.home.Signers(), Trust: h.home.Trust,
		Evidence: h.home.Evidence, AttestEvery: h.cfg.attestEvery(), AttestKeep: h.cfg.attestKeep(), Store: h.store,
		Policies: h.cfg.Policies, Rules: h.engine.Set, HostActions: h.cfg.HostActions, Stats: h.stats, Now: h.cfg.Now, Logger: h.log})
	if err != nil {
		return err
	}
	if len(h.home.Evidence) == 0 {
		h.log.Warn("this hub has no key for evidence: hosts keep the evidence that they gather; picket-hub keys add evidence makes one")
	}
	return h.assemble()
}

func (h *Hub) bind() (err error) {
	if h.listener, err = net.Listen("tcp", orDefault(h.cfg.Listen, h.home.Listen)); err != nil {
		return fmt.Errorf("listening for sensors and clients: %w", err)
	}
	ui := orDefault(h.cfg.UIListen, h.home.UI)
	if ui == NoUI {
		return nil
	}
	if h.uiListener, err = net.Listen("tcp", ui); err != nil {
		return fmt.Errorf("listening for the web page: %w", err)
	}
	return nil
}

// assemble connects the parts.
func (h *Hub) assemble() error {
	advertised, err := h.cfg.advertised(h.listener.Addr())
	if err != nil {
		return err
	}
	h.monitor = fleet.New(fleet.Config{Store: h.store, SilentAfter: h.cfg.silentAfter(), Clock: h.cfg.Clock, Stats: h.stats, Logger: h.log})
	h.consumer = alert.New(alert.Config{Store: h.store, Engine: h.engine, Stats: h.stats, LearnFor: h.cfg.learnFor(), Now: h.cfg.Now, Logger: h.log})
	desk := enroll.New(enroll.Config{Hub: h.home.Hub, Key: h.home.Online.Public(), Address: advertised, Pins: h.home.Pins,
		Store: h.store, Stats: h.stats, BodyTimeout: h.cfg.Limits.bodyTimeout(), Logger: h.log})
	batches := ingest.New(ingest.Config{Hub: h.home.Hub, Key: h.home.Online, Store: h.store, Watch: h.monitor, Stats: h.stats,
		Limits: h.cfg.Limits.Batch, Logger: h.log})
	answers := responder{h.respond, h.store, h.rules, advertised, h.home.Pins}
	desks := &reader{Store: h.store, hub: h, desk: desk}
	h.api = api.New(desks, desks, h.log)
	h.api.Respond(answers)
	h.server = h.newServer(h.routes(desk, batches))
	h.server.TLSConfig = wire.ServerConfig(h.home.TLS)
	h.server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: h.cfg.Limits.streams(), SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}
	if h.uiListener != nil {
		key := wire.NewSecret()
		address := h.uiListener.Addr().String()
		h.uiServer = h.newServer(h.stoppable(web.New(web.Config{Reader: desks, Responses: answers, Key: key, Addr: address, Logger: h.log, Now: h.cfg.Now})))
		h.uiURL = "http://" + address + "/?key=" + key
	}
	return nil
}

// ID is the hub's id.
func (h *Hub) ID() string { return h.home.Hub }

// Address is where sensors and clients reach the hub, host:port.
func (h *Hub) Address() string { return h.listener.Addr().String() }

// UIURL is the address of the web page with the key that opens it; empty where
// there is none. Whoever has it may look.
func (h *Hub) UIURL() string { return h.uiURL }

// Pins are the keys by which clients know the hub.
func (h *Hub) Pins() []wire.Pin { return h.home.Pins }

// Run serves until ctx ends or a part fails that the hub cannot do without, and
// then closes everything: first the doors, then the engine, then the store. A
// hub runs once.
func (h *Hub) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.home.UpdateProfile(h.Address()); err != nil {
		h.log.Warn("the profile for client commands keeps its old address", "error", err)
	}
	inner, endInner := context.WithCancel(context.WithoutCancel(ctx))
	defer endInner()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.consumer.Run(inner) })
	g.Go(func() error { return h.monitor.Run(inner) })
	g.Go(func() error { return h.respond.Run(inner) })
	g.Go(func() error { return h.rules.watch(inner) })
	g.Go(func() error { return served(h.server.ServeTLS(h.limited(h.listener), "", "")) })
	if h.uiServer != nil {
		g.Go(func() error { return served(h.uiServer.Serve(h.limited(h.uiListener))) })
	}
	g.Go(func() error {
		<-gctx.Done()
		h.log.Info("stopping")
		h.shutDown()
		endInner()
		return nil
	})
	h.log.Info("serving", "hub", h.home.Hub, "address", h.Address(), "rules", h.rules.status().Loaded)
	return g.Wait()
}

// shutDown lets requests that are under way end, but not for ever.
func (h *Hub) shutDown() {
	h.endStreams()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	var servers sync.WaitGroup
	for _, s := range []*http.Server{h.server, h.uiServer} {
		if s == nil {
			continue
		}
		servers.Go(func() {
			// Shutdown alone gives every HTTP/2 connection a second to notice.
			// Once no request is under way there is nothing left to notice for.
			go h.closeWhenQuiet(ctx, s)
			if err := s.Shutdown(ctx); err != nil {
				h.log.Warn("requests were cut off", "error", err)
				s.Close()
			}
		})
	}
	servers.Wait()
}

func (h *Hub) closeWhenQuiet(ctx context.Context, s *http.Server) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for h.underWay.Load() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
	s.Close()
}

// served is the error of a server that was not told to stop.
func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}

// Close lets go of everything, of a hub that is not run.
func (h *Hub) Close() error { return h.close() }

// close may be called for a hub that is half opened, and again.
func (h *Hub) close() error {
	h.endStreams()
	var errs []error
	for _, l := range []net.Listener{h.listener, h.uiListener} {
		if l == nil {
			continue
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.release != nil {
		errs = append(errs, h.release())
		h.release = nil
	}
	return errors.Join(errs...)
}

// OnlineKey is the key that signs acknowledgements.
func (h *Hub) OnlineKey() envelope.PublicKey { return h.home.Online.Public() }
