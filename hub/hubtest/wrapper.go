package hubtest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/eat/sealing"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// Boot is the boot of every played host.
const Boot = "11111111-2222-4333-8444-555555555555"

// Wrapper plays the root wrapper of a host: it verifies deliveries as the real
// one does, and signs receipts. It does nothing else. It is for one goroutine.
type Wrapper struct {
	// Key signs receipts.
	Key envelope.PrivateKey
	// Trust and Policy are what root wrote on the host.
	Trust  *eat.TrustStore
	Policy *eat.HostPolicy
	// Seq and Prev are the chain of receipts.
	Seq  uint64
	Prev string
	// Seen is the log as it last saw it, and Checkpoint that as it was signed. A
	// receipt tells the size alone where they differ, as an older wrapper does.
	Seen       tlog.Tree
	Checkpoint []byte
	// Evidence is the bundle that Next gathers and sends when it is asked to; nil
	// means that the receipt tells of none.
	Evidence []byte

	host     *Host
	used     map[string]string // actions by token and digest
	counters eat.Counters
}

// Wrapper gives the host a wrapper, and tells the hub its key.
func (c *Host) Wrapper() *Wrapper {
	c.t.Helper()
	w := &Wrapper{Key: NewKey(c.t), Prev: eat.FirstPrev, host: c, used: map[string]string{}}
	policy := eat.DefaultPolicy()
	w.Policy = &policy
	w.Trust = c.hub.Trust()
	c.hub.Post(c.t, api.PathHosts+"/"+c.ID+"/set", api.HostSetting{WrapperKey: w.Key.Public().String()}, nil)
	return w
}

// Trust fetches the hub's trust store as an installer does.
func (h *Hub) Trust() *eat.TrustStore {
	h.t.Helper()
	status, text := h.Do(http.MethodGet, wire.PathTrust, "")
	if status != http.StatusOK {
		h.t.Fatalf("asking for the trust store: %d %s", status, text)
	}
	trust, err := eat.ParseTrust([]byte(text))
	if err != nil {
		h.t.Fatal(err)
	}
	return trust
}

// Post asks the API to change something, and reads the answer.
func (h *Hub) Post(t testing.TB, path string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := h.Do(http.MethodPost, path, string(text))
	if status != http.StatusOK {
		t.Fatalf("POST %s: %d %s", path, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			t.Fatal(err)
		}
	}
}

// Orders asks for orders, once, and returns the delivery; nil where there came none.
func (c *Host) Orders(seen int64) ([]byte, error) {
	c.t.Helper()
	body, err := (&wire.Orders{Host: c.ID, Boot: Boot, Seen: seen}).Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := c.raw(wire.PathOrders, body)
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// raw posts a body; an answer of 204 is nil.
func (c *Host) raw(path string, body []byte) ([]byte, error) {
	status, answer, err := c.Post(path, body, nil)
	if status == http.StatusNoContent {
		return nil, nil
	}
	return answer, err
}

// Used, Counters, Recent and ActionOf are an eat.Ledger.
func (w *Wrapper) Used(id, sha256 string) bool {
	_, byID := w.used[id]
	_, byDigest := w.used[sha256]
	return byID || byDigest
}

// Counters are those that were acted on.
func (w *Wrapper) Counters() eat.Counters { return w.counters }

// Recent is how often an action was done.
func (w *Wrapper) Recent(string, time.Time) int { return 0 }

// ActionOf is what a token asked for.
func (w *Wrapper) ActionOf(id string) (string, bool) {
	action, ok := w.used[id]
	return action, ok
}

// Act verifies a delivery and returns the receipt: done, or the refusal.
func (w *Wrapper) Act(delivery []byte) *eat.Receipt {
	w.host.t.Helper()
	v, refusal := eat.Verify(delivery, eat.Input{Now: time.Now().UTC(), HostID: w.host.ID, BootID: Boot, Trust: w.Trust, Policy: w.Policy, Seen: w.Seen, Ledger: w})
	r := &eat.Receipt{Host: w.host.ID, Boot: Boot, Outcome: eat.OutcomeDone, Started: time.Now().UTC(), Wrapper: "test"}
	if refusal != nil {
		if refusal.About == nil {
			w.host.t.Fatalf("refused without a receipt: %v", refusal)
		}
		r.Outcome, r.Refusal, r.Detail = eat.OutcomeRefused, refusal.ID, refusal.Detail
		r.Token, r.TokenSHA256, r.Action = refusal.About.Token, refusal.About.SHA256, refusal.About.Action
		return r
	}
	t := v.Token()
	r.Token, r.TokenSHA256, r.Action = t.ID, v.SHA256(), t.Action()
	w.used[t.ID], w.used[v.SHA256()], w.counters = t.Action(), t.Action(), w.counters.Spend(t.Counter)
	w.Checkpoint, w.Seen = v.Checkpoint()
	if lease := t.Lifetime(); lease > 0 {
		r.LeaseEnd = time.Now().Add(lease).UTC().Truncate(time.Second)
	}
	return r
}

// Seal makes a receipt the next of the chain and signs it.
func (w *Wrapper) Seal(r *eat.Receipt) []byte {
	w.host.t.Helper()
	w.Seq++
	r.Seq, r.Prev, r.Time = w.Seq, w.Prev, time.Now().UTC()
	r.Saw(w.Seen.N, string(w.Checkpoint), w.Trust.Log)
	sealed, digest, err := eat.SealReceipt(*r, w.Key)
	if err != nil {
		w.host.t.Fatal(err)
	}
	w.Prev = digest
	return sealed
}

// SeeFork has the host see, last, a log of the same size that the hub's own key
// has signed and that is not the hub's.
func (w *Wrapper) SeeFork() {
	w.host.t.Helper()
	key, err := envelope.LoadPrivateKey(filepath.Join(w.host.hub.Dir, "keys", "log.pem"))
	if err != nil {
		w.host.t.Fatal(err)
	}
	w.Seen.Hash[0] ^= 1
	name, _, _ := strings.Cut(w.Trust.Log, "+")
	if w.Checkpoint, err = eat.SignCheckpoint(w.Seen, name, key); err != nil {
		w.host.t.Fatal(err)
	}
}

// Send posts receipts, one a line.
func (w *Wrapper) Send(receipts ...[]byte) (wire.ReceiptsReply, error) {
	_, body, err := w.host.Post(wire.PathReceipts, bytes.Join(receipts, []byte("\n")), nil)
	if err != nil {
		return wire.ReceiptsReply{}, err
	}
	return wire.ParseReceiptsReply(body)
}

// Next takes the next delivery, acts on it and sends the receipt.
func (w *Wrapper) Next() (*eat.Receipt, error) {
	w.host.t.Helper()
	delivery, err := w.host.Orders(w.Seen.N)
	if err != nil || delivery == nil {
		return nil, fmt.Errorf("no orders came: %w", err)
	}
	r := w.Act(delivery)
	send := w.tell(delivery, r)
	if _, err := w.Send(w.Seal(r)); err != nil {
		return nil, err
	}
	return r, send()
}

// tell writes into a receipt of what is done what the token asked for, and returns
// what is to be sent behind it.
func (w *Wrapper) tell(delivery []byte, r *eat.Receipt) (send func() error) {
	d, err := eat.ParseDelivery(delivery)
	if err == nil && r.Outcome == eat.OutcomeDone {
		var keys []envelope.PublicKey
		for _, k := range w.Trust.HubKeys {
			keys = append(keys, k.Key)
		}
		var opened *eat.Opened
		if opened, err = eat.Open(d.Envelope, keys...); err == nil {
			switch args := opened.Token.Args.(type) {
			case eat.CollectEvidence:
				return w.gather(args, r)
			case eat.Attest:
				return w.attest(args, r)
			}
		}
	}
	return func() error { return nil }
}

// attest tells the trust store, as picket-sensor trust has printed it, and that
// the sensor is what it says.
func (w *Wrapper) attest(args eat.Attest, r *eat.Receipt) (send func() error) {
	w.host.t.Helper()
	text, err := strictjson.Encode(w.Trust)
	if err != nil {
		w.host.t.Fatal(err)
	}
	sum, sensor := sha256.Sum256(append(text, '\n')), strings.Repeat("a", 64)
	r.Effect = map[string]string{"nonce": args.Nonce, "file.sensor": sensor, "file.trust": hex.EncodeToString(sum[:])}
	f := w.host.Fact(fact.KindBinary)
	f.Binary = &fact.Binary{Action: fact.BinaryHeartbeat, Path: "/usr/bin/picket-sensor", Hash: &fact.Hash{SHA256: sensor}, Running: &fact.Running{Hash: &fact.Hash{SHA256: sensor}}}
	return func() error { _, err := w.host.Send(f); return err }
}

// gather tells of the evidence that there is, and sends it.
func (w *Wrapper) gather(args eat.CollectEvidence, r *eat.Receipt) (send func() error) {
	if w.Evidence == nil {
		return func() error { return nil }
	}
	token, size := cmp.Or(args.Again, r.Token), int64(len(w.Evidence))
	sum := sha256.Sum256(w.Evidence)
	r.Effect = map[string]string{"id": token, "bytes": strconv.FormatInt(size, 10), "sha256": hex.EncodeToString(sum[:]), "chunks": strconv.FormatInt(eat.Chunks(size), 10)}
	return func() error {
		for n := args.From; n < eat.Chunks(size); n++ {
			c := eat.Chunk{Number: n, Host: w.host.ID, Token: token, Last: n == eat.Chunks(size)-1}
			c, err := sealing.Seal(c, w.Evidence[n*eat.ChunkBytes:min((n+1)*eat.ChunkBytes, size)], w.Trust.EvidenceKey)
			if err != nil {
				return err
			}
			line, err := c.Encode()
			if err != nil {
				return err
			}
			if _, err := w.host.raw(wire.PathEvidence, line); err != nil {
				return err
			}
		}
		return nil
	}
}
