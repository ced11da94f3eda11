package respond

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
	"picket.internal/policies"
	"picket.internal/strictjson"
)

// signingTime is the least that must be left of a token for somebody to read
// and sign it.
const signingTime = time.Minute

// Issue makes a response that a person asked for.
func (d *Desk) Issue(ctx context.Context, req api.IssueRequest) (api.Response, error) {
	if err := checkReason(req.Reason); err != nil {
		return api.Response{}, err
	}
	args, err := eat.ParseArgs(req.Action, req.Args)
	if err != nil {
		return api.Response{}, fault.TokenBad.With("%v", err)
	}
	r := store.NewResponse{Host: req.Host, Action: req.Action, Reason: req.Reason, Signatures: req.Signatures}
	if req.BreakGlass {
		if req.Signatures > 0 {
			return api.Response{}, &api.QueryError{Param: "signatures", Value: fmt.Sprint(req.Signatures), Reason: "who breaks the glass waits for nobody; leave them out"}
		}
		r.BreakGlass = req.Reason
		d.cfg.Logger.Warn("the glass was broken", "host", req.Host, "action", req.Action, "by", audit.Actor(ctx), "reason", req.Reason)
	}
	return d.manual(ctx, r, args)
}

// Undo makes a response that takes another back.
func (d *Desk) Undo(ctx context.Context, id string, req api.DecisionRequest) (api.Response, error) {
	if err := checkReason(req.Reason); err != nil {
		return api.Response{}, err
	}
	r, err := d.cfg.Store.Response(ctx, id)
	if err != nil {
		return api.Response{}, err
	}
	known, _ := eat.ActionNamed(r.Action)
	switch {
	case !known.Contains:
		return api.Response{}, fault.ResponseState.With("%s puts nothing in force, so there is nothing to take back", r.Action)
	case r.Token == nil:
		return api.Response{}, fault.ResponseState.With("the response is %s: there is no token that could have put anything in force", r.State)
	case r.State == api.ResponseRefused || r.State == api.ResponseUndone || r.State == api.ResponseWaiting || r.State == api.ResponseExpired:
		return api.Response{}, fault.ResponseState.With("the response is %s: nothing is in force", r.State)
	}
	return d.manual(ctx, store.NewResponse{Host: r.Host.ID, Action: eat.ActionRelease, Reason: req.Reason, Signatures: req.Signatures, Undoes: id},
		eat.Release{Token: r.Token.ID})
}

func (d *Desk) manual(ctx context.Context, r store.NewResponse, args eat.Args) (api.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Signatures < 0 || r.Signatures > 15 {
		return api.Response{}, &api.QueryError{Param: "signatures", Value: fmt.Sprint(r.Signatures), Reason: "want 0 to 15"}
	}
	target, err := d.cfg.Store.Target(ctx, r.Host)
	if err != nil {
		return api.Response{}, err
	}
	if target.State != api.HostEnrolled && target.State != api.HostSuspect {
		return api.Response{}, fault.ResponseState.With("the host is %s, so it takes no orders", target.State)
	}
	if err := d.keyHolds(); err != nil {
		return api.Response{}, err
	}
	if r.Args, err = strictjson.Encode(args); err != nil {
		return api.Response{}, err
	}
	r.Mode, r.State, r.By, r.Valid = api.ModeManual, api.ResponseQueued, audit.Actor(ctx), policies.DefaultValid
	if r.Signatures > 0 {
		r.State, r.Why = api.ResponseWaiting, signedEnough(0, r.Signatures)
	}
	ids, _, err := d.cfg.Store.AddResponses(ctx, "", []store.NewResponse{r})
	if err != nil {
		return api.Response{}, err
	}
	d.cfg.Stats.Add("response.manual", 1)
	if r.State == api.ResponseQueued {
		if err := d.issueQueued(ctx, ids[0]); err != nil {
			return api.Response{}, err
		}
	}
	return d.response(ctx, ids[0])
}

func (d *Desk) response(ctx context.Context, id string) (api.Response, error) {
	r, err := d.cfg.Store.Response(ctx, id)
	return r.Response, err
}

// Prepare makes the token that operators are to sign, or returns the one that
// is there while it holds long enough.
func (d *Desk) Prepare(ctx context.Context, id string) (api.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.cfg.Store.Response(ctx, id)
	if err != nil {
		return api.Response{}, err
	}
	if r.State != api.ResponseWaiting {
		return api.Response{}, wrongState(r.State)
	}
	stands, err := d.stands(ctx, &r)
	if err != nil || stands {
		return r.Response, err
	}
	err = d.issue(ctx, &r, issuing{state: api.ResponseWaiting, why: signedEnough(0, max(1, r.Signatures)), from: api.ResponseWaiting})
	if err != nil {
		return api.Response{}, err
	}
	return d.response(ctx, id)
}

// stands reports whether the response's token can still be signed: it holds
// long enough, in the boot that the host is in, and no later one was delivered.
func (d *Desk) stands(ctx context.Context, r *store.StoredResponse) (bool, error) {
	if r.Token == nil || d.now().Add(signingTime).After(r.Token.Expires) {
		return false, nil
	}
	opened, err := eat.Open(r.Token.Envelope, d.cfg.Signers...)
	if errors.Is(err, eat.ErrBadSignature) {
		return false, nil // its key was retired
	}
	if err != nil {
		return false, fmt.Errorf("reading a stored token: %w", err)
	}
	target, err := d.cfg.Store.Target(ctx, r.Host.ID)
	if err != nil {
		return false, err
	}
	return opened.Token.Counter > target.Handed && opened.Token.Boot == target.Boot, nil
}

// Approve is a person's yes. Where signatures are asked for it must be one, by
// an operator's own key over the very token.
func (d *Desk) Approve(ctx context.Context, id string, req api.ApproveRequest) (api.Response, error) {
	if req.BreakGlass != "" {
		if err := checkReason(req.BreakGlass); err != nil {
			return api.Response{}, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.cfg.Store.Response(ctx, id)
	if err != nil {
		return api.Response{}, err
	}
	switch {
	case r.State != api.ResponseWaiting:
		return api.Response{}, wrongState(r.State)
	case len(req.Sig) > 0:
		if err = d.sign(ctx, &r, req); err == nil && req.BreakGlass != "" {
			err = d.breakGlass(ctx, id, req.BreakGlass)
		}
	case req.BreakGlass != "":
		err = d.breakGlass(ctx, id, req.BreakGlass)
	case r.Signatures > 0:
		err = fault.SignatureNeeded.With("%s must sign; a yes is not enough: picket eat approve %s --key FILE", fmtCount(r.Signatures, "operator"), id)
	default:
		if err = d.cfg.Store.Decide(ctx, id, "approved", api.ResponseQueued, ""); err == nil {
			err = d.issueQueued(ctx, id)
		}
	}
	if err != nil {
		return api.Response{}, err
	}
	return d.response(ctx, id)
}

// breakGlass has a response go on with the signatures that it has. Only the
// hub's own brakes are gone over: the wrapper verifies what its host's policy
// asks for, and refuses a token that lacks it. It is called with d.mu held.
func (d *Desk) breakGlass(ctx context.Context, id, reason string) error {
	r, err := d.cfg.Store.Response(ctx, id)
	if err != nil {
		return err
	}
	if r.State != api.ResponseWaiting { // the last signature that was missing came with it
		return nil
	}
	if r.Token != nil && len(r.Token.SignedBy) > 0 && d.now().After(r.Token.Expires) {
		return fault.SignatureBad.With("the token expired at %s; look at it again and sign the new one", r.Token.Expires.Format(time.RFC3339))
	}
	if err := d.cfg.Store.BreakGlass(ctx, id, reason); err != nil {
		return err
	}
	d.cfg.Stats.Add("response.break_glass", 1)
	d.cfg.Logger.Warn("the glass was broken", "response", id, "action", r.Action, "host", r.Host.ID, "by", audit.Actor(ctx), "reason", reason)
	d.lines.wake(r.Host.ID)
	return d.issueQueued(ctx, id)
}

// sign verifies an operator's signature and keeps it.
func (d *Desk) sign(ctx context.Context, r *store.StoredResponse, req api.ApproveRequest) error {
	if r.Token == nil || r.Token.ID != req.Token {
		return fault.SignatureBad.With("the response has another token by now; look at it again and sign that one")
	}
	if d.now().After(r.Token.Expires) {
		return fault.SignatureBad.With("the token expired at %s; look at it again and sign the new one", r.Token.Expires.Format(time.RFC3339))
	}
	var key envelope.PublicKey
	if err := key.UnmarshalText([]byte(req.Key)); err != nil || len(req.Sig) != ed25519.SignatureSize {
		return fault.SignatureBad.With("malformed key or signature")
	}
	operators, err := d.cfg.Store.Operators(ctx)
	if err != nil {
		return err
	}
	name := ""
	for _, o := range operators {
		if o.Key == key {
			name = o.Name
		}
	}
	if name == "" {
		return fault.SignatureBad.With("no operator of this hub has the key %s; see picket eat operators list", key.ID())
	}
	if _, err := eat.Open(r.Token.Envelope, d.cfg.Signers...); err != nil {
		return fault.SignatureBad.With("the key that signed the token is no longer the hub's; look at the response again and sign the new one")
	}
	keys := slices.Clone(d.cfg.Signers)
	for _, o := range operators {
		keys = append(keys, o.Key)
	}
	opened, err := eat.Open(r.Token.Envelope, keys...)
	if err != nil {
		return fmt.Errorf("reading a stored token: %w", err)
	}
	signature := envelope.Signature{Key: key, Sig: req.Sig}
	joined, err := opened.Join(signature)
	if err != nil {
		return fault.SignatureBad.With("%v", err)
	}
	enough, err := d.cfg.Store.Approve(ctx, store.NewApproval{Response: r.ID, Token: r.Token.ID, SHA256: r.Token.SHA256, Operator: name,
		Signature: signature, Envelope: joined})
	if err != nil {
		return err
	}
	d.cfg.Stats.Add("eat.approved", 1)
	d.cfg.Logger.Info("token approved", "response", r.ID, "operator", name, "enough", enough)
	if enough {
		d.lines.wake(r.Host.ID)
	}
	return nil
}

// Reject is a person's no.
func (d *Desk) Reject(ctx context.Context, id string, req api.DecisionRequest) (api.Response, error) {
	if err := checkReason(req.Reason); err != nil {
		return api.Response{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.cfg.Store.Decide(ctx, id, "rejected", api.ResponseRejected, req.Reason); err != nil {
		return api.Response{}, err
	}
	return d.response(ctx, id)
}

// SetPause sets the fleet-wide stop, or lifts it. What is queued without a
// person's decision waits for one from then on.
func (d *Desk) SetPause(ctx context.Context, p api.Pause) (api.Pause, error) {
	if p.Paused {
		if err := checkReason(p.Reason); err != nil {
			return api.Pause{}, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out, err := d.cfg.Store.SetPause(ctx, p.Paused, p.Reason)
	if err == nil {
		d.cfg.Logger.Warn("automatic responses", "paused", p.Paused, "reason", p.Reason, "by", out.By)
		d.lines.wakeAll()
	}
	return out, err
}

// AddOperator keeps a person's public key.
func (d *Desk) AddOperator(ctx context.Context, o api.Operator) error {
	var key envelope.PublicKey
	if err := key.UnmarshalText([]byte(o.Key)); err != nil {
		return &api.QueryError{Param: "key", Value: o.Key[:min(len(o.Key), api.MaxText)], Reason: "want an Ed25519 public key in base64"}
	}
	operators, err := d.cfg.Store.Operators(ctx)
	if err != nil {
		return err
	}
	operators = append(operators, eat.Operator{Name: o.Name, Key: key})
	// What the hub tells hosts must be a store that they take.
	if _, err := d.cfg.Trust(operators); err != nil {
		return fault.OperatorExists.With("%v", err)
	}
	return d.cfg.Store.AddOperator(ctx, eat.Operator{Name: o.Name, Key: key})
}

// SetHost sets what the hub knows of a host beside what it says itself.
func (d *Desk) SetHost(ctx context.Context, id string, s api.HostSetting) error {
	if s.WrapperKey != "" {
		var key envelope.PublicKey
		if err := key.UnmarshalText([]byte(s.WrapperKey)); err != nil {
			return &api.QueryError{Param: "wrapper_key", Value: s.WrapperKey[:min(len(s.WrapperKey), api.MaxText)], Reason: "want an Ed25519 public key in base64, as in /etc/picket/wrapper.pub"}
		}
		if err := d.cfg.Store.SetWrapperKey(ctx, id, key); err != nil {
			return err
		}
	}
	if s.Labels == nil {
		return nil
	}
	for _, l := range s.Labels {
		if l == "" || len(l) > 128 || strings.ContainsFunc(l, func(r rune) bool { return r <= ' ' || r > '~' }) || len(s.Labels) > 32 {
			return &api.QueryError{Param: "labels", Value: l[:min(len(l), api.MaxText)], Reason: "want at most 32 words of ASCII, as in role=db"}
		}
	}
	return d.cfg.Store.SetLabels(ctx, id, s.Labels)
}

func wrongState(state string) error {
	return fault.ResponseState.With("the response is %s; this is for one that waits", state)
}

func checkReason(s string) error {
	if s == "" || len(s) > maxReason || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return &api.QueryError{Param: "reason", Value: s[:min(len(s), api.MaxText)], Reason: "say why in one line of at most 200 bytes"}
	}
	return nil
}
