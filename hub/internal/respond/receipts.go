package respond

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// tellAgain is after what time a host's next bad receipt is told again: who can
// send one can send thousands.
const tellAgain = time.Minute

// ServeReceipts takes receipts from a sensor. Good ones are kept also where
// there are bad ones beside them.
func (d *Desk) ServeReceipts(w http.ResponseWriter, r *http.Request) {
	reply, err := d.receipts(r)
	if err != nil {
		d.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", wire.TypeOrders)
	w.Write(reply)
}

func (d *Desk) receipts(r *http.Request) ([]byte, error) {
	peer, err := d.peer(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxReceiptsBytes+1))
	switch {
	case err != nil:
		return nil, fault.ReceiptBad.With("the body did not arrive whole")
	case len(body) > wire.MaxReceiptsBytes:
		return nil, fault.ReceiptTooLarge.With("more than %d bytes", wire.MaxReceiptsBytes)
	}
	target, err := d.cfg.Store.Target(r.Context(), peer.ID)
	if err != nil {
		return nil, err
	}
	if target.Wrapper.IsZero() {
		return nil, fault.ReceiptNoKey.With("the hub knows no key of the host's wrapper; read /etc/picket/wrapper.pub there and run picket hosts wrapper-key %s KEY", peer.ID)
	}
	good, bad, err := openReceipts(body, peer.ID, target.Wrapper)
	if err != nil {
		return nil, err
	}
	taken, err := d.cfg.Store.TakeReceipts(r.Context(), peer.ID, target.Wrapper, good)
	if err != nil {
		return nil, err
	}
	d.cfg.Stats.Add("receipt.stored", int64(taken.New))
	for _, name := range taken.Noticed {
		d.cfg.Stats.Add(name, 1)
		d.cfg.Logger.Error("a host has seen another log than this hub's, run picket audit verify", "host", peer.ID, "what", name)
	}
	if taken.New > 0 && slices.ContainsFunc(good, func(r store.Receipt) bool { return r.Action == eat.ActionAttest }) {
		if err := d.judgeAttestations(r.Context()); err != nil {
			d.cfg.Logger.Error("judging an attestation failed, trying again", "error", err)
		}
	}
	if slices.ContainsFunc(good, func(r store.Receipt) bool { return r.Refusal == eat.ErrNoConsistency.ID }) {
		d.lines.wake(peer.ID) // its token is to be handed out again, with another proof
	}
	if err := d.confirm(r.Context(), good); err != nil {
		return nil, err
	}
	if bad != nil {
		if err := d.tell(r.Context(), fact.Host{ID: peer.ID, Name: peer.Name}, bad); err != nil {
			return nil, err
		}
		return nil, bad
	}
	return wire.ReceiptsReply{Seq: taken.Last}.Encode()
}

// openReceipts verifies the lines. bad is the first that is not the wrapper's.
func openReceipts(body []byte, host string, key envelope.PublicKey) (good []store.Receipt, bad *fault.Fault, err error) {
	n := 0
	for line := range bytes.Lines(body) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if n++; n > wire.MaxReceipts {
			return nil, nil, fault.ReceiptTooLarge.With("more than %d receipts", wire.MaxReceipts)
		}
		r, digest, err := eat.OpenReceipt(line, key)
		if err == nil && r.Host != host {
			err = &eat.Refusal{ID: eat.ErrReceiptSignature.ID, Detail: "it is a receipt of host " + r.Host}
		}
		if err != nil {
			if bad == nil {
				bad = fault.As(refusalID(err), http.StatusUnprocessableEntity, err)
			}
			continue
		}
		good = append(good, store.Receipt{Receipt: r, Digest: digest, Envelope: bytes.Clone(line)})
	}
	return good, bad, nil
}

func refusalID(err error) string {
	if r, ok := err.(*eat.Refusal); ok {
		return r.ID
	}
	return eat.ErrReceipt.ID
}

// tell makes a fact of a bad receipt, not too often.
func (d *Desk) tell(ctx context.Context, host fact.Host, bad *fault.Fault) error {
	now := d.now()
	d.toldMu.Lock()
	last, ok := d.told[host.ID]
	tell := !ok || now.Sub(last) >= tellAgain
	if tell {
		d.told[host.ID] = now
	}
	d.toldMu.Unlock()
	if !tell {
		return nil
	}
	return d.cfg.Store.RejectReceipt(ctx, host, bad.ID, bad.Detail)
}

// Trust is the hub's trust store as hosts keep it.
func (d *Desk) Trust(ctx context.Context) ([]byte, error) {
	operators, err := d.cfg.Store.Operators(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.cfg.Trust(operators)
	if err != nil {
		return nil, err
	}
	return strictjson.Encode(t)
}

// ServeTrust answers anybody: all of it is public.
func (d *Desk) ServeTrust(w http.ResponseWriter, r *http.Request) {
	text, err := d.Trust(r.Context())
	if err != nil {
		d.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", wire.TypeOrders)
	w.Write(text)
}
