//go:build linux

package gate

import (
	"errors"
	"fmt"

	"picket.internal/eat"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
)

// deed is what an action has decided to do: all that doing and undoing need.
type deed interface {
	// Do makes it so, also where it is so already.
	Do(action.Root) (action.Effect, error)
	// Undo restores what was before, also where it is restored already.
	Undo(action.Root) (action.Effect, error)
}

// act does what a spent token asks for, and leaves a receipt whatever happens.
func (h *host) act(e *entry, t eat.Token) error {
	switch args := t.Args.(type) {
	case eat.Noop:
		return h.end(e, eat.OutcomeDone, "", "", nil)
	case eat.Attest:
		effect, err := h.attest(args)
		if err != nil {
			return h.end(e, eat.OutcomeFailed, "attest.failed", err.Error(), nil)
		}
		return h.end(e, eat.OutcomeDone, "", "", effect)
	case eat.Release, eat.ReleaseNetwork, eat.ResumeProcess, eat.RestoreFile, eat.EnableUser, eat.RestoreSSHKey, eat.StartService, eat.UnblockAddress:
		return h.takeBack(e, t)
	}
	return h.begin(e, t)
}

// begin writes down what is about to be done, does it, and writes down that it
// is done.
func (h *host) begin(e *entry, t eat.Token) error {
	d, err := h.prepare(t)
	if err != nil {
		code, detail := codeOf(err, "action.failed")
		return h.end(e, eat.OutcomeRefused, code, detail, nil)
	}
	if e.Record, err = strictjson.Encode(d); err != nil {
		return h.end(e, eat.OutcomeRefused, "action.failed", fmt.Sprintf("write what is to be done: %v", err), nil)
	}
	e.Stage = stageActs
	if lease := t.Lifetime(); lease > 0 {
		e.LeaseEnd = h.now().Add(lease)
	}
	if t.Action() == eat.ActionIsolateNetwork {
		e.ConfirmBy = h.now().Add(confirmTime)
	}
	h.cfg.step("intend")
	if err := h.ledger.put(e); err != nil {
		return h.end(e, eat.OutcomeFailed, "state.not_written", err.Error(), nil)
	}
	h.cfg.step("act")
	effect, err := d.Do(h.root)
	if err != nil {
		code, detail := codeOf(err, "action.failed")
		undone, err := d.Undo(h.root)
		if err != nil {
			return h.remains(e, "action.not_undone", code+": "+detail+"; and what was begun could not be taken back", err)
		}
		return h.end(e, eat.OutcomeFailed, code, detail, undone)
	}
	h.cfg.step("acted")
	if effect["outcome"] == "already_gone" {
		return h.end(e, eat.OutcomeAlreadyGone, "", "", effect)
	}
	h.announce(t, effect)
	if e.LeaseEnd.IsZero() {
		return h.end(e, eat.OutcomeDone, "", "", effect)
	}
	if err := h.tell(e, eat.OutcomeDone, "", "", effect); err != nil {
		return err
	}
	e.Stage = stageHolds
	h.cfg.step("hold")
	return h.ledger.put(e)
}

// takeBack ends what earlier tokens put in force.
func (h *host) takeBack(e *entry, t eat.Token) error {
	effect := action.Effect{}
	for _, held := range h.ledger.in(stageHolds) {
		matches, err := h.isAbout(t, held)
		if err != nil {
			return err
		}
		if !matches {
			continue
		}
		if err := h.undo(held, eat.OutcomeUndone, "taken back by "+t.ID); err != nil {
			code, detail := codeOf(err, "action.failed")
			return h.end(e, eat.OutcomeFailed, code, detail, effect)
		}
		effect[fmt.Sprintf("ended.%d", len(effect)+1)] = held.Action + " of " + held.Token
	}
	if len(effect) == 0 {
		return h.end(e, eat.OutcomeRefused, "eat.nothing_in_force", "nothing that it would take back is in force here", nil)
	}
	return h.end(e, eat.OutcomeDone, "", "", effect)
}

// undo takes back what an entry put in force, and says so.
func (h *host) undo(e *entry, outcome, detail string) error {
	effect, err := h.revert(e)
	if err != nil {
		return err
	}
	return h.end(e, outcome, "", detail, effect)
}

func (h *host) revert(e *entry) (action.Effect, error) {
	d, err := h.load(e)
	if err != nil {
		return nil, err
	}
	h.cfg.step("undo")
	effect, err := d.Undo(h.root)
	if err != nil {
		return nil, fmt.Errorf("take back %s of %s: %w", e.Action, e.Token, err)
	}
	h.cfg.step("undone")
	return effect, nil
}

// codeOf is the code of a refusal, or other where the error has none.
func codeOf(err error, other string) (code, detail string) {
	var r *action.Refusal
	if errors.As(err, &r) {
		return r.Code, r.Detail
	}
	return other, err.Error()
}
