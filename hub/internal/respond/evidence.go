package respond

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/eat/sealing"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
)

// ServeEvidence takes one chunk of a bundle from a sensor, and answers once it is
// on the disk.
func (d *Desk) ServeEvidence(w http.ResponseWriter, r *http.Request) {
	if err := d.takeChunk(r); err != nil {
		d.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (d *Desk) takeChunk(r *http.Request) error {
	peer, err := d.peer(r)
	if err != nil {
		return err
	}
	if len(d.cfg.Evidence) == 0 {
		return fault.EvidenceNoKey.With("this hub has no key that evidence could be sealed to")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, eat.MaxChunk+1))
	switch {
	case err != nil:
		return fault.EvidenceBad.With("the body did not arrive whole")
	case len(body) > eat.MaxChunk:
		return fault.EvidenceTooLarge.With("more than %d bytes", eat.MaxChunk)
	}
	c, err := eat.ParseChunk(bytes.TrimSuffix(body, []byte("\n")))
	if err != nil {
		return fault.As(fault.EvidenceBad.ID, fault.EvidenceBad.Status, err)
	}
	if c.Host != peer.ID {
		return fault.EvidenceUnknown.With("it is of host %q, and the key of %q", c.Host, peer.ID)
	}
	// What does not open is not kept: nobody could read it later.
	if _, err := sealing.Open(c, d.cfg.Evidence...); err != nil {
		return fault.EvidenceNotForUs.With("chunk %d of %s was sealed to another key, or for another place", c.Number, c.Token)
	}
	arrived, err := d.cfg.Store.PutChunk(r.Context(), peer.ID, c)
	if err != nil {
		return err
	}
	d.cfg.Stats.Add("evidence.chunks", 1)
	if !arrived {
		return nil
	}
	// The chunk is stored whatever comes of this; the sweep does it otherwise.
	if err := d.judgeEvidence(r.Context(), c.Token); err != nil {
		d.cfg.Logger.Error("comparing evidence with its receipt failed, trying again", "token", c.Token, "error", err)
	}
	return nil
}

// judgeEvidence compares a bundle that has arrived with its receipt.
func (d *Desk) judgeEvidence(ctx context.Context, token string) error {
	e, host, err := d.cfg.Store.Evidence(ctx, token)
	if err != nil {
		return err
	}
	state, why := api.EvidenceWhole, ""
	if err := d.writeEvidence(ctx, e, host, io.Discard); errors.Is(err, fault.EvidenceMismatch) {
		state, why = api.EvidenceMismatch, "what came is not what the host's wrapper has signed"
	} else if err != nil {
		return err
	}
	if err := d.cfg.Store.JudgeEvidence(ctx, token, why); err != nil {
		return err
	}
	d.cfg.Stats.Add("evidence."+state, 1)
	d.cfg.Logger.Info("evidence arrived", "token", token, "host", host, "bytes", e.Bytes, "state", state)
	return nil
}

// writeEvidence opens a bundle chunk by chunk. Its error is
// fault.EvidenceMismatch where it is not what the receipt says.
func (d *Desk) writeEvidence(ctx context.Context, e *api.Evidence, host string, w io.Writer) error {
	if len(d.cfg.Evidence) == 0 {
		return fault.EvidenceNoKey.With("the hub's folder has no key for evidence, so nobody can read it")
	}
	sum := sha256.New()
	for n := range e.Chunks {
		c, err := d.cfg.Store.Chunk(ctx, host, e.Token, n)
		if err != nil {
			return err
		}
		data, err := sealing.Open(c, d.cfg.Evidence...)
		if err != nil {
			return fault.EvidenceMismatch.With("%v", err)
		}
		sum.Write(data)
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != e.SHA256 {
		return fault.EvidenceMismatch.With("its digest is %s, and the receipt says %s", got, e.SHA256)
	}
	return nil
}

// ReadEvidence gives out the bundle of a response, and writes into the log who
// has read it before the first byte is out.
func (d *Desk) ReadEvidence(ctx context.Context, id string, w func() io.Writer) error {
	r, err := d.cfg.Store.Response(ctx, id)
	if err != nil {
		return err
	}
	if r.Evidence == nil || r.Evidence.State != api.EvidenceWhole {
		return fault.EvidenceNotWhole.With("%s", notWhole(&r))
	}
	if err := d.cfg.Store.RecordChange(ctx, "evidence.read", r.Evidence.Token, map[string]string{"host": r.Host.ID, "response": id, "sha256": r.Evidence.SHA256}); err != nil {
		return err
	}
	d.cfg.Stats.Add("evidence.read", 1)
	return d.writeEvidence(ctx, r.Evidence, r.Host.ID, w())
}

func notWhole(r *store.StoredResponse) string {
	switch e := r.Evidence; {
	case r.Action != eat.ActionCollectEvidence:
		return "the response gathers no evidence: it is a " + r.Action
	case e == nil:
		return "the response is " + r.State + ": no receipt tells of evidence"
	case e.State == api.EvidenceKept:
		return "it stays on the host: " + e.Why
	case e.Have > 0:
		return fmt.Sprintf("%d of %d chunks are here; picket eat evidence %s --again asks for the others", e.Have, e.Chunks, r.ID)
	case e.State == api.EvidenceComing:
		return fmt.Sprintf("none of %d chunks is here; picket eat evidence %s --again asks for them", e.Chunks, r.ID)
	default:
		return "it is not here (" + e.Why + "); picket eat evidence " + r.ID + " --again asks for it"
	}
}

// EvidenceAgain makes a response that has a host send evidence again that is not
// here, from the first chunk that is missing.
func (d *Desk) EvidenceAgain(ctx context.Context, id string, req api.DecisionRequest) (api.Response, error) {
	if err := checkReason(req.Reason); err != nil {
		return api.Response{}, err
	}
	r, err := d.cfg.Store.Response(ctx, id)
	if err != nil {
		return api.Response{}, err
	}
	args, err := eat.ParseArgs(r.Action, r.Args)
	if err != nil {
		return api.Response{}, fault.TokenBad.With("%v", err)
	}
	asked, collects := args.(eat.CollectEvidence)
	switch {
	case !collects || r.Token == nil:
		return api.Response{}, fault.ResponseState.With("%s", notWhole(&r))
	case r.Evidence != nil && (r.Evidence.State == api.EvidenceWhole || r.Evidence.State == api.EvidenceArrived):
		return api.Response{}, fault.ResponseState.With("the evidence is here: picket eat evidence %s -o FILE", id)
	}
	again := eat.CollectEvidence{Again: cmp.Or(asked.Again, r.Token.ID)}
	if again.From, err = d.cfg.Store.FirstMissing(ctx, again.Again); err != nil {
		return api.Response{}, err
	}
	return d.manual(ctx, store.NewResponse{Host: r.Host.ID, Action: r.Action, Reason: req.Reason, Signatures: req.Signatures}, again)
}

// sweepEvidence compares what a hub that was stopped has left.
func (d *Desk) sweepEvidence(ctx context.Context) error {
	tokens, err := d.cfg.Store.ArrivedEvidence(ctx)
	for _, token := range tokens {
		err = errors.Join(err, d.judgeEvidence(ctx, token))
	}
	return err
}
