package send_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/sensor/send"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// fault is what a testHub does instead of its work.
type fault int

const (
	none        fault = iota
	status400         // refuse the batch for good
	status403         // the host is not known
	status409         // pretend to hold another batch of that number
	status429         // ask to come later, with Retry-After
	status503         // the same, without
	hangUp            // cut the connection before looking
	storeHangUp       // store, then cut the connection
	badAck            // acknowledge with a key that is not the hub's
	otherAck          // acknowledge another batch, signed well
	slow              // answer when the client has given up
	redirect          // send the client elsewhere
	refuseFact        // store, and refuse the first fact
)

// testHub is a hub of TLS 1.3, HTTP/2 and a store in memory, with faults.
type testHub struct {
	t       *testing.T
	id      string
	tlsKey  envelope.PrivateKey
	online  envelope.PrivateKey
	addr    string
	door    *door
	changed chan struct{} // told, with room for one, of each request and each stored batch

	mu       sync.Mutex
	server   *http.Server
	host     string
	hostKey  envelope.PublicKey
	fault    func(n int) fault // of the n-th request, from 0
	requests int               // for batches and enrollments
	bodies   [][]byte          // of every request for a batch, as sent
	protos   []string
	sessions map[string]*session
	facts    []*fact.Fact // stored, in order
	last     wire.Batch   // stored
	stored   int          // batches
	enrolled []wire.EnrollRequest
}

var gzipMagic = []byte{0x1f, 0x8b}

// session is how far the hub has one session of the sensor.
type session struct {
	seq     uint64
	prev    string
	refused []wire.Refused // of the last batch, for one that comes twice
}

func mustKey(t *testing.T) envelope.PrivateKey {
	t.Helper()
	key, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newTestHub makes a hub that knows one host; it is down until start.
func newTestHub(t *testing.T) (*testHub, *send.Identity) {
	t.Helper()
	h := &testHub{
		t: t, id: wire.NewHubID(), tlsKey: mustKey(t), online: mustKey(t), host: wire.NewHostID(),
		changed: make(chan struct{}, 1), sessions: make(map[string]*session),
	}
	hostKey := mustKey(t)
	h.hostKey = hostKey.Public()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = ln.Addr().String()
	h.door = newDoor(ln)
	t.Cleanup(func() { h.stop(); ln.Close() })
	return h, &send.Identity{
		Host: h.host, Hub: h.id, Addresses: []string{h.addr}, Pins: []wire.Pin{h.pin()},
		HubKey: h.online.Public(), Key: hostKey,
	}
}

func (h *testHub) pin() wire.Pin {
	h.t.Helper()
	pin, err := wire.PinOf(h.tlsKey.Public())
	if err != nil {
		h.t.Fatal(err)
	}
	return pin
}

// start serves until stop.
func (h *testHub) start() { h.serve(wire.ServerConfig(h.tlsKey)) }

func (h *testHub) serve(config *tls.Config) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+wire.PathBatch, h.batch)
	mux.HandleFunc("POST "+wire.PathEnroll, h.enroll)
	srv := &http.Server{
		Handler: mux, TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0),
	}
	h.mu.Lock()
	h.server = srv
	h.mu.Unlock()
	go srv.ServeTLS(h.door.open(), "", "")
}

// stop cuts every connection, as a killed hub does.
func (h *testHub) stop() {
	h.mu.Lock()
	srv := h.server
	h.server = nil
	h.mu.Unlock()
	h.door.shut()
	if srv != nil {
		srv.Close()
	}
}

// set makes every request from now on meet a fault.
func (h *testHub) set(f fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = func(int) fault { return f }
}

// first makes the first requests meet these faults.
func (h *testHub) first(faults ...fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = func(n int) fault {
		if n < len(faults) {
			return faults[n]
		}
		return none
	}
}

func (h *testHub) batch(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client hung up
	}
	h.mu.Lock()
	f := none
	if h.fault != nil {
		f = h.fault(h.requests)
	}
	h.requests++
	h.bodies = append(h.bodies, sent)
	h.protos = append(h.protos, r.Proto)
	h.tell()
	if (f == status400 || f == status409) && h.holds(sent) {
		f = none // a hub does not refuse what it has stored
	}
	h.mu.Unlock()

	switch f {
	case status400:
		httpwire.WriteProblem(w, http.StatusBadRequest, wire.Problem{ID: "batch.test"})
	case status403:
		httpwire.WriteProblem(w, http.StatusForbidden, wire.Problem{ID: "identity.disabled"})
	case status409:
		httpwire.WriteProblem(w, http.StatusConflict, wire.Problem{ID: "batch.fork"})
	case status429:
		w.Header().Set("Retry-After", "1")
		httpwire.WriteProblem(w, http.StatusTooManyRequests, wire.Problem{ID: "host.flooding"})
	case status503:
		httpwire.WriteProblem(w, http.StatusServiceUnavailable, wire.Problem{ID: "store.full"})
	case hangUp:
		panic(http.ErrAbortHandler)
	case slow:
		<-r.Context().Done()
	case redirect:
		http.Redirect(w, r, "https://"+h.addr+"/elsewhere", http.StatusFound)
	default:
		h.take(w, r, sent, f)
	}
}

// take verifies and stores a batch as the real hub does, and acknowledges it.
func (h *testHub) take(w http.ResponseWriter, r *http.Request, sent []byte, f fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ack, err := h.store(r, sent, f)
	if err != nil {
		h.t.Errorf("the hub got a batch that it cannot take: %v", err)
		httpwire.WriteProblem(w, http.StatusBadRequest, wire.Problem{ID: "batch.malformed"})
		return
	}
	if f == storeHangUp {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", wire.ContentType)
	w.Write(ack)
}

func (h *testHub) store(r *http.Request, sent []byte, f fault) ([]byte, error) {
	key, err := wire.PeerKey(*r.TLS)
	if err != nil {
		return nil, err
	}
	if key != h.hostKey || r.Header.Get("Content-Type") != wire.ContentType {
		return nil, errors.New("wrong key or content type")
	}
	if (r.Header.Get("Content-Encoding") == "gzip") != bytes.HasPrefix(sent, gzipMagic) {
		return nil, errors.New("wrong content encoding")
	}
	b, err := h.open(sent)
	if err != nil {
		return nil, err
	}
	s := h.sessions[b.Session]
	if s == nil {
		s = &session{prev: wire.FirstPrev}
		h.sessions[b.Session] = s
	}
	ack := wire.Ack{Hub: h.id, Host: h.host, Session: b.Session, Seq: b.Seq, Digest: b.Digest, At: time.Now().UTC()}
	switch {
	case b.Seq == s.seq && b.Digest == s.prev:
		ack.Duplicate, ack.Refused = true, s.refused
	case b.Seq == s.seq+1 && b.Prev == s.prev:
		s.seq, s.prev = b.Seq, b.Digest
		if err := h.keep(b, &ack, f); err != nil {
			return nil, err
		}
		s.refused = ack.Refused
	default:
		return nil, errors.New("the chain is broken at seq " + strconv.FormatUint(b.Seq, 10))
	}
	signer := h.online
	switch f {
	case badAck:
		signer = mustKey(h.t)
	case otherAck:
		ack.Digest = wire.FirstPrev
	}
	return wire.SealAck(&ack, signer)
}

// open decompresses and verifies a body.
func (h *testHub) open(sent []byte) (*wire.Opened, error) {
	if bytes.HasPrefix(sent, gzipMagic) {
		z, err := gzip.NewReader(bytes.NewReader(sent))
		if err != nil {
			return nil, err
		}
		if sent, err = io.ReadAll(z); err != nil {
			return nil, err
		}
	} else if len(sent) > 1<<10 {
		return nil, errors.New("a long body that is not compressed")
	}
	return wire.Open(sent, h.hostKey)
}

// holds tells whether the batch is stored.
func (h *testHub) holds(sent []byte) bool {
	b, err := h.open(sent)
	if err != nil {
		return false
	}
	s := h.sessions[b.Session]
	return s != nil && s.seq == b.Seq && s.prev == b.Digest
}

// keep stores the facts.
func (h *testHub) keep(b *wire.Opened, ack *wire.Ack, f fault) error {
	for i, raw := range b.Facts {
		if f == refuseFact && i == 0 {
			ack.Refused = []wire.Refused{{Index: 0, Error: "fact.test"}}
			continue
		}
		one, _, err := fact.Parse(raw)
		if err != nil {
			return err
		}
		if err := one.Validate(); err != nil {
			return err
		}
		if one.Host.ID != h.host {
			return errors.New("a fact of another host")
		}
		h.facts = append(h.facts, one)
	}
	h.last = b.Batch
	h.stored++
	h.tell()
	return nil
}

// tell wakes who awaits.
func (h *testHub) tell() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// await returns once what the hub has stored satisfies cond, which is called
// with the hub locked.
func (h *testHub) await(what string, cond func() bool) {
	h.t.Helper()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	for {
		h.mu.Lock()
		done := cond()
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-h.changed:
		case <-timeout.C:
			h.t.Fatalf("waited for %s in vain", what)
		}
	}
}

// has tells whether a fact of the canary is stored.
func (h *testHub) has(canary string) func() bool {
	return func() bool {
		return slices.ContainsFunc(h.facts, func(f *fact.Fact) bool { return f.Canary != nil && f.Canary.ID == canary })
	}
}
