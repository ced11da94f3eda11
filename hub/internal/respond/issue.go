package respond

import (
	"context"
	"errors"
	"fmt"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
	"picket.internal/policies"
)

// issueQueued makes the token of a response that is decided, where its host is
// there to take it; else the response waits for the host. It is called with
// d.mu held.
func (d *Desk) issueQueued(ctx context.Context, id string) error {
	r, err := d.cfg.Store.Response(ctx, id)
	if err != nil {
		return err
	}
	if r.State != api.ResponseQueued {
		return nil
	}
	if r.Automatic {
		pause, err := d.cfg.Store.Pause(ctx)
		if err != nil {
			return err
		}
		if pause.Paused {
			return d.cfg.Store.HoldBack(ctx, id, "action.paused: "+pause.Reason)
		}
	}
	if !d.lines.connected(r.Host.ID, d.now()) {
		return d.cfg.Store.SetResponse(ctx, id, api.ResponseQueued, "the host is not connected", api.ResponseQueued)
	}
	err = d.issue(ctx, &r, issuing{ready: true, state: api.ResponseIssued, from: api.ResponseQueued})
	if errors.Is(err, fault.TokenBad) || errors.Is(err, fault.KeyExpired) {
		return d.cfg.Store.SetResponse(ctx, id, api.ResponseFailed, err.Error(), api.ResponseQueued)
	}
	return err
}

type issuing struct {
	ready      bool // nobody else must sign
	state, why string
	from       string
}

// issue makes the token of a response and signs it. It is called with d.mu held.
func (d *Desk) issue(ctx context.Context, r *store.StoredResponse, i issuing) error {
	if err := d.keyHolds(); err != nil {
		return err
	}
	args, err := eat.ParseArgs(r.Action, r.Args)
	if err != nil {
		return fault.TokenBad.With("%v", err)
	}
	target, err := d.cfg.Store.Target(ctx, r.Host.ID)
	if err != nil {
		return err
	}
	if known, _ := eat.ActionNamed(r.Action); known.NeedsBoot && target.Boot == "" {
		return fault.TokenBad.With("the host has never asked for orders, so its boot is not known; see picket-sensor doctor there")
	}
	valid := time.Duration(r.ValidMS) * time.Millisecond
	if valid == 0 {
		valid = policies.DefaultValid
	}
	err = d.cfg.Store.Issue(ctx, store.Issuing{Response: r.ID, Ready: i.ready, State: i.state, Why: i.why, From: []string{i.from},
		Make: func(id string, counter uint64, now time.Time) (*eat.Opened, []byte, error) {
			now = now.Truncate(time.Millisecond)
			t := eat.Token{ID: id, Hub: d.cfg.Hub, Host: r.Host.ID, Boot: target.Boot, Args: args, Reason: r.Reason,
				Issued: now, NotBefore: now, Expires: now.Add(valid), Counter: counter, Policy: r.Policy}
			sealed, err := eat.Sign(t, d.cfg.Key)
			if err != nil {
				return nil, nil, err
			}
			opened, err := eat.Open(sealed, d.cfg.Key.Public())
			return opened, sealed, err
		}})
	if err != nil {
		return err
	}
	d.cfg.Stats.Add("eat.issued", 1)
	d.cfg.Logger.Info("token issued", "response", r.ID, "action", r.Action, "host", r.Host.ID, "ready", i.ready)
	if i.ready {
		d.lines.wake(r.Host.ID)
	}
	return nil
}

// signedEnough is what a response says while signatures are missing.
func signedEnough(have, need int) string {
	return fmt.Sprintf("%d of %d operators have signed", have, need)
}
