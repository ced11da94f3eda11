//go:build linux

package gate

import (
	"errors"
	"os"
	"time"

	"picket.internal/eat"
	"picket.internal/wrappers/internal/action/process"
)

// confirmTime is how long an isolation lasts without a word of the hub's.
const confirmTime = time.Minute

// leavingFile, in the state folder, says that Picket is being taken off the host.
const leavingFile = "leaving"

// Leases ends what is over, puts in force again what a reboot has ended before
// its time, and clears up after a wrapper that was killed. It is started by a
// timer of root's own, and at boot. Where leavingFile is there, it ends all.
func Leases(cfg Config) error {
	h, err := open(cfg)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.recover(); err != nil {
		return err
	}
	if _, err := h.state.read(leavingFile, 0); err == nil {
		h.leaving = true
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var problems []error
	for _, e := range h.ledger.in(stageHolds) {
		err := h.stuck[e.Token] // it was tried just now
		if err == nil {
			err = h.keep(e)
		}
		problems = append(problems, err) // one that fails must not hold up the others
	}
	return errors.Join(append(problems, h.ledger.prune(h.now()))...)
}

// keep looks at one thing that is in force.
func (h *host) keep(e *entry) error {
	switch now := h.now(); {
	case h.leaving:
		return h.lapse(e, "Picket is taken off this host")
	case !now.Before(e.LeaseEnd):
		return h.lapse(e, "its lease is over")
	case !e.ConfirmBy.IsZero() && !now.Before(e.ConfirmBy):
		return h.lapse(e, "the hub was not heard since")
	}
	d, err := h.load(e)
	if err != nil {
		return err
	}
	if p, ok := d.(*process.Record); ok {
		if e.Boot == h.boot {
			return nil
		}
		if holds, err := p.Holds(h.root); err != nil || holds {
			return err
		}
		return h.lapse(e, "the host was started again, and what was held is gone")
	}
	if e.Boot != h.boot {
		return h.again(e, "the host was started again")
	}
	if f, ok := d.(interface{ InForce() (bool, error) }); ok {
		if holds, err := f.InForce(); err != nil || !holds {
			return errors.Join(err, h.again(e, "somebody has ended it"))
		}
	}
	return nil
}

// lapse takes back what is over. What cannot be taken back is told once, and
// tried again each time.
func (h *host) lapse(e *entry, why string) error {
	err := h.undo(e, eat.OutcomeAutoUndone, why)
	if err == nil {
		return nil
	}
	return errors.Join(err, h.tellOnce(e, "lease.not_undone", why+", and: "+err.Error()))
}

// tellOnce says that an entry cannot be taken back, unless that is said.
func (h *host) tellOnce(e *entry, code, detail string) error {
	if told, err := h.told(e, eat.OutcomeFailed); err != nil || told {
		return err
	}
	return h.tell(e, eat.OutcomeFailed, code, detail, nil)
}

// again puts something in force anew.
func (h *host) again(e *entry, why string) error {
	d, err := h.load(e)
	if err != nil {
		return err
	}
	effect, err := d.Do(h.root)
	if err != nil {
		return err
	}
	e.Boot = h.boot
	if err := h.ledger.put(e); err != nil {
		return err
	}
	return h.tell(e, eat.OutcomeDone, "", "put in force again: "+why, effect)
}

// recover finishes or undoes what a wrapper left that was killed, and says
// which. What cannot be taken back holds up nobody: it is noted as stuck.
func (h *host) recover() error {
	for _, e := range h.ledger.in(stageSpent, stageActs) {
		if err := h.clearUp(e); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) clearUp(e *entry) error {
	last, err := h.told(e, eat.OutcomeRefused, eat.OutcomeFailed, eat.OutcomeUnknown, eat.OutcomeAlreadyGone)
	if err != nil {
		return err
	}
	done, err := h.told(e, eat.OutcomeDone)
	switch known, _ := eat.ActionNamed(e.Action); {
	case err != nil:
		return err
	case last, done && !known.Contains:
		return h.over(e)
	case done:
		e.Stage = stageHolds
		return h.ledger.put(e)
	case e.Stage == stageSpent:
		return h.end(e, eat.OutcomeUnknown, "", "the wrapper was ended before it acted: nothing was done", nil)
	case !known.Contains:
		return h.end(e, eat.OutcomeUnknown, "", "the wrapper was ended while it acted", nil)
	}
	const why = "the wrapper was ended while it acted"
	effect, err := h.revert(e)
	if err == nil {
		return h.end(e, eat.OutcomeFailed, "wrapper.interrupted", why+": what was begun is taken back", effect)
	}
	return h.remains(e, "wrapper.not_undone", why+", and", err)
}

// remains tells of what could not be taken back because of err. From here on it
// is like a lease that is over: the timer tries it again. That is on the disk
// before it is told, since what was told to have failed would be over for the
// next that clears up.
func (h *host) remains(e *entry, code, why string, err error) error {
	e.Stage, e.LeaseEnd = stageHolds, h.now()
	if err := h.ledger.put(e); err != nil {
		return err
	}
	h.stuck[e.Token] = err
	return h.tellOnce(e, code, why+": "+err.Error())
}
