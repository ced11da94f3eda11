package hubtest

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/oklog/ulid/v2"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// Host plays a host at the level of the wire. Its fields may be changed to send
// what no sensor would. It is for one goroutine.
type Host struct {
	// ID is what the hub calls it.
	ID string
	// Key is its own.
	Key envelope.PrivateKey
	// Session, Seq and Prev are the chain as far as it was sent.
	Session string
	Seq     uint64
	Prev    string

	t      testing.TB
	hub    *Hub
	client *http.Client
	facts  uint64
}

// NewKey makes a key.
func NewKey(t testing.TB) envelope.PrivateKey {
	t.Helper()
	key, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Stranger is a host that never enrolled.
func (h *Hub) Stranger() *Host {
	h.t.Helper()
	key := NewKey(h.t)
	host := &Host{ID: wire.NewHostID(), Key: key, t: h.t, hub: h, client: httpwire.NewClient(h.Pins(), key)}
	h.t.Cleanup(host.client.CloseIdleConnections)
	host.Restart()
	return host
}

// Enroll makes a host and enrolls it, on a machine of its own.
func (h *Hub) Enroll() *Host {
	h.t.Helper()
	host := h.Stranger()
	reply, err := host.Enroll(h.EnrollToken(1), "machine of "+host.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	host.ID = reply.Host
	return host
}

// Enroll shows a token.
func (c *Host) Enroll(token *wire.Token, machine string) (*wire.EnrollReply, error) {
	c.t.Helper()
	sum := sha256.Sum256([]byte(machine))
	sealed, err := wire.SealEnroll(&wire.EnrollRequest{Token: token.ID, Secret: token.Secret, Machine: hex.EncodeToString(sum[:]), Name: "host-" + c.ID[2:8],
		OS: "linux", Kernel: "6.18", Architecture: "amd64", Version: "v0", Sent: time.Now().UTC()}, c.Key)
	if err != nil {
		c.t.Fatal(err)
	}
	_, body, err := c.Post(wire.PathEnroll, sealed, nil)
	if err != nil {
		return nil, err
	}
	return wire.ParseEnrollReply(body)
}

// Restart begins a new session, as a sensor does at each start.
func (c *Host) Restart() { c.Session, c.Seq, c.Prev = wire.NewSession(), 0, wire.FirstPrev }

// Clone is a copy of the host, key and chain included.
func (c *Host) Clone() *Host {
	other := *c
	return &other
}

// Fact makes a fact of this host that happens now. The caller adds its block.
func (c *Host) Fact(kind fact.Kind) *fact.Fact {
	c.facts++
	return &fact.Fact{ID: ulid.Make().String(), Time: time.Now().UTC(), Kind: kind, Host: fact.Host{ID: c.ID}, Seq: c.facts}
}

// Canary makes a fact of a canary that was read.
func (c *Host) Canary(path string) *fact.Fact {
	f := c.Fact(fact.KindCanary)
	f.Canary = &fact.Canary{Action: fact.CanaryRead, ID: "aws", Path: path, Attribution: fact.AttributionProc}
	f.Process = &fact.Process{PID: 4211, Name: "cat", Executable: "/usr/bin/cat"}
	f.User = &fact.User{ID: "33", Name: "www-data"}
	return f
}

// Metric makes a fact that no rule is about.
func (c *Host) Metric() *fact.Fact {
	f := c.Fact(fact.KindMetric)
	f.Metric = &fact.Metric{Action: fact.MetricSample, Interval: 15}
	return f
}

// Raw writes a fact as it is sent.
func Raw(t testing.TB, f *fact.Fact) jsontext.Value {
	t.Helper()
	raw, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return jsontext.Value(raw)
}

// Batch is the next batch, not sealed and not counted yet.
func (c *Host) Batch(facts ...*fact.Fact) *wire.Batch {
	c.t.Helper()
	b := &wire.Batch{Host: c.ID, Hub: c.hub.ID(), Boot: "11111111-2222-4333-8444-555555555555", Session: c.Session, Seq: c.Seq + 1, Prev: c.Prev,
		Sent: time.Now().UTC(), Sensor: wire.SensorInfo{Version: "v0"}}
	for _, f := range facts {
		b.Facts = append(b.Facts, Raw(c.t, f))
	}
	return b
}

// Seal signs a batch and makes it the end of the chain.
func (c *Host) Seal(b *wire.Batch) []byte {
	c.t.Helper()
	sealed, digest, err := wire.Seal(b, c.Key)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Session, c.Seq, c.Prev = b.Session, b.Seq, digest
	return sealed
}

// Send seals and sends the next batch.
func (c *Host) Send(facts ...*fact.Fact) (*wire.Ack, error) {
	c.t.Helper()
	return c.SendSealed(c.Seal(c.Batch(facts...)))
}

// SendSealed sends a sealed batch, packed as sensors do, and opens the
// acknowledgement.
func (c *Host) SendSealed(sealed []byte) (*wire.Ack, error) {
	c.t.Helper()
	_, body, err := c.Post(wire.PathBatch, Gzip(c.t, sealed), http.Header{"Content-Encoding": {"gzip"}})
	if err != nil {
		return nil, err
	}
	return wire.OpenAck(body, c.hub.OnlineKey())
}

// MustSend sends a batch that must be acknowledged.
func (c *Host) MustSend(facts ...*fact.Fact) *wire.Ack {
	c.t.Helper()
	ack, err := c.Send(facts...)
	if err != nil {
		c.t.Fatal(err)
	}
	return ack
}

// Post sends any body to any path. An answer that is no success is a
// *wire.Problem; status is 0 where there was no answer.
func (c *Host) Post(path string, body []byte, header http.Header) (status int, answer []byte, err error) {
	return c.PostFrom(path, bytes.NewReader(body), header)
}

// PostFrom is Post of a body that comes as it comes.
func (c *Host) PostFrom(path string, body io.Reader, header http.Header) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.hub.URL(path), body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", wire.ContentType)
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, nil, fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.StatusCode, answer, nil
	}
	problem, err := wire.ParseProblem(answer)
	if err != nil {
		return resp.StatusCode, answer, fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	return resp.StatusCode, answer, problem
}

// Gzip packs a body.
func Gzip(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// SignRaw signs a payload that envelope.Sign would refuse.
func SignRaw(t envelope.Type, payload []byte, key envelope.PrivateKey) []byte {
	pae := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(t.Name), t.Name, len(payload), payload)
	return envelope.Join(t, payload, key.Public(), ed25519.Sign(key.Std(), pae))
}
