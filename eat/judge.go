package eat

import (
	"slices"
	"time"
)

// What follows are the checks that the host's policy and ledger decide, once it
// is certain who speaks, to whom, and when.

// allowed asks the policy about the action and, for a release, about the action
// that would do the same by name: release must not be the easier way.
func (d *decision) allowed() *Refusal {
	if _, ok := d.in.Policy.Rule(d.token.Action()); !ok {
		return refuse(ErrNotAllowed, "%s", d.token.Action())
	}
	opposite, refusal := d.released()
	if refusal != nil || opposite == "" {
		return refusal
	}
	if _, ok := d.in.Policy.Rule(opposite); !ok {
		return refuse(ErrNotAllowed, "%s", opposite)
	}
	return nil
}

// released is the action that takes back what a release is about; empty where
// the token is no release.
func (d *decision) released() (string, *Refusal) {
	release, ok := d.token.Args.(Release)
	if !ok {
		return "", nil
	}
	name, known := d.in.Ledger.ActionOf(release.Token)
	action, _ := ActionNamed(name)
	if !known || !action.Contains {
		return "", refuse(ErrUnknownToken, "%s put nothing in force here", release.Token)
	}
	return action.Opposite, nil
}

func (d *decision) lifetime() *Refusal {
	rule, _ := d.in.Policy.Rule(d.token.Action())
	if asked, most := d.token.Lifetime(), time.Duration(rule.MaxLifetime)*time.Second; asked > most {
		return refuse(ErrLifetimeTooLong, "%s for %s where %s is allowed", d.token.Action(), asked, most)
	}
	return nil
}

// protected judges the targets that can be judged by their names alone. The
// wrapper judges the rest by what it finds.
func (d *decision) protected() *Refusal {
	p := d.in.Policy
	target := ""
	switch a := d.token.Args.(type) {
	case IsolateNetwork:
		if len(p.Open.Hub) == 0 {
			return refuse(ErrHubUnknown, "the policy names no address of the hub, which would be cut off: set open.hub")
		}
	case BlockAddress:
		for _, prefix := range a.Prefixes {
			if p.Open.Overlaps(prefix) {
				target = prefix.String()
			}
		}
	case DisableUser:
		if slices.Contains(p.Protected.Users, a.Name) {
			target = a.Name
		}
	case RevokeSSHKey:
		if slices.Contains(p.Protected.SSHKeys, a.Fingerprint) {
			target = a.Fingerprint
		}
	case StopService:
		if p.Protected.Service(a.Unit) {
			target = a.Unit
		}
	case QuarantineFile:
		if p.Protected.Path(a.Path.Exact()) {
			target = a.Path.Exact()
		}
	case CollectEvidence:
		for _, f := range a.Files {
			if !withinAny(f.Exact(), p.EvidencePaths) {
				target = f.Exact()
			}
		}
	}
	if target != "" {
		return refuse(ErrProtectedTarget, "%s of %.200q", d.token.Action(), target)
	}
	return nil
}

// threshold counts operators, who have one key each.
func (d *decision) threshold() *Refusal {
	rule, _ := d.in.Policy.Rule(d.token.Action())
	wanted := rule.For(d.in.Labels)
	if opposite, _ := d.released(); opposite != "" {
		rule, _ := d.in.Policy.Rule(opposite)
		wanted = append(wanted, rule.For(d.in.Labels)...)
	}
	for _, w := range wanted {
		have := 0
		for _, name := range d.operators {
			if len(w.Of) == 0 || slices.Contains(w.Of, name) {
				have++
			}
		}
		if have < w.Need {
			return refuse(ErrThresholdNotMet, "have %d, need %d operators", have, w.Need)
		}
	}
	return nil
}

// replay goes by id, payload and counter, never by the bytes of the envelope:
// DSSE has many spellings of those.
func (d *decision) replay() *Refusal {
	counters := d.in.Ledger.Counters()
	switch t := d.token; {
	case d.in.Ledger.Used(t.ID, d.sha256()):
		return refuse(ErrAlreadyUsed, "%s", t.ID)
	case counters.Spent(t.Counter):
		return refuse(ErrCounterTooLow, "%d is used up, and the highest was %d", t.Counter, counters.High)
	case t.Counter > counters.High && t.Counter-counters.High > maxCounterStep:
		return refuse(ErrCounterTooHigh, "%d, and the highest was %d", t.Counter, counters.High)
	}
	return nil
}

func (d *decision) rate() *Refusal {
	rule, _ := d.in.Policy.Rule(d.token.Action())
	if done := d.in.Ledger.Recent(d.token.Action(), d.in.Now); done >= rule.Rate {
		return refuse(ErrRate, "%s was done %d times in the last hour, and %d are allowed", d.token.Action(), done, rule.Rate)
	}
	return nil
}
