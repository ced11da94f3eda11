package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/hub/internal/sample"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

// clock is a hub's clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a store under test with the hub's identity.
type bench struct {
	*store.Store
	t     testing.TB
	path  string
	opts  store.Options
	clock *clock
}

// newBench makes a store in a folder of its own.
func newBench(t testing.TB) *bench {
	t.Helper()
	return newBenchIn(t, t.TempDir())
}

func newBenchIn(t testing.TB, dir string) *bench {
	t.Helper()
	c := newClock()
	b := &bench{t: t, path: filepath.Join(dir, "hub.db"), clock: c,
		opts: store.Options{Hub: wire.NewHubID(), Key: newKey(t), Log: newKey(t), Now: c.Now}}
	if err := store.Create(t.Context(), b.path, b.opts); err != nil {
		t.Fatal(err)
	}
	b.open()
	return b
}

func (b *bench) open() {
	b.t.Helper()
	s, err := store.Open(b.t.Context(), b.path, b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Store = s
	b.t.Cleanup(func() { s.Close() })
}

// reopen closes the store and opens it again, as a restart of the hub does.
func (b *bench) reopen() {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

func newKey(t testing.TB) envelope.PrivateKey {
	t.Helper()
	k, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// host is an enrolled host that seals batches.
type host struct {
	b       *bench
	key     envelope.PrivateKey
	id      string
	session string
	seq     uint64
	prev    string
	facts   *sample.Host
	sent    time.Time
}

func machineOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// token makes an enrollment token.
func (b *bench) token(uses int, ttl time.Duration) store.NewToken {
	b.t.Helper()
	tok := store.NewToken{ID: wire.NewTokenID(), Secret: wire.NewSecret(), Uses: uses, TTL: ttl}
	if _, err := b.AddEnrollToken(b.t.Context(), tok); err != nil {
		b.t.Fatal(err)
	}
	return tok
}

func (b *bench) request(tok store.NewToken, key envelope.PrivateKey, machine string) *wire.EnrollRequest {
	return &wire.EnrollRequest{V: 1, Token: tok.ID, Secret: tok.Secret, Key: key.Public(), Machine: machineOf(machine), Name: machine,
		OS: "linux", Kernel: "6.18", Architecture: "amd64", Version: "v0.1.0", Sent: b.clock.Now()}
}

// enroll makes a host with a machine of its own.
func (b *bench) enroll(name string) *host {
	b.t.Helper()
	key := newKey(b.t)
	out, err := b.Enroll(b.t.Context(), b.request(b.token(1, time.Hour), key, name))
	if err != nil {
		b.t.Fatal(err)
	}
	h := &host{b: b, key: key, id: out.Host, facts: sample.NewHost(out.Host, 1, b.clock.Now()), sent: b.clock.Now()}
	h.restart()
	return h
}

// restart begins a new session.
func (h *host) restart() { h.session, h.seq, h.prev = wire.NewSession(), 0, wire.FirstPrev }

// seal makes the next batch.
func (h *host) seal(facts ...*fact.Fact) *store.Batch {
	h.b.t.Helper()
	h.seq++
	h.sent = h.sent.Add(time.Second)
	b, digest := h.sealAs(h.session, h.seq, h.prev, facts...)
	h.prev = digest
	return b
}

func (h *host) sealAs(session string, seq uint64, prev string, facts ...*fact.Fact) (*store.Batch, string) {
	t := h.b.t
	t.Helper()
	wb := wire.Batch{Host: h.id, Hub: h.b.opts.Hub, Boot: "11111111-2222-4333-8444-555555555555", Session: session, Seq: seq, Prev: prev,
		Sent: h.sent, Sensor: wire.SensorInfo{Version: "v0.1.0"}}
	for _, f := range facts {
		raw, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		wb.Facts = append(wb.Facts, jsontext.Value(raw))
	}
	sealed, digest, err := wire.Seal(&wb, h.key)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := wire.Open(sealed, h.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.Verified(opened)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range facts {
		b.Entries = append(b.Entries, store.Entry{Pos: i, Fact: f, Raw: opened.Facts[i]})
	}
	return b, digest
}

func (h *host) append(b *store.Batch) (store.Stored, error) {
	return h.b.Append(context.WithoutCancel(h.b.t.Context()), h.id, b)
}

// send seals and stores the next batch.
func (h *host) send(facts ...*fact.Fact) store.Stored {
	h.b.t.Helper()
	out, err := h.append(h.seal(facts...))
	if err != nil {
		h.b.t.Fatal(err)
	}
	return out
}

// at is a sample fact with a time of its own.
func (h *host) at(t time.Time) *fact.Fact {
	f := h.facts.Fact()
	f.Time = t.UTC()
	return f
}

// noticed lists the hub's own facts about the host, as action or subject words.
func (b *bench) noticed(kind fact.Kind) []*fact.Fact {
	b.t.Helper()
	var out []*fact.Fact
	var at int64
	for {
		batches, err := b.Next(b.t.Context(), at, 100)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(batches) == 0 {
			return out
		}
		for _, lb := range batches {
			at = lb.N
			for _, e := range lb.Entries {
				if lb.Host == store.HubHost(b.opts.Hub) && e.Fact.Kind == kind {
					out = append(out, e.Fact)
				}
			}
		}
	}
}

func actions(facts []*fact.Fact) []string {
	var out []string
	for _, f := range facts {
		out = append(out, f.Action())
	}
	return out
}
