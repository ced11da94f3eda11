package respond

import (
	"context"
	"time"

	"picket.internal/hub/internal/fault"
)

const (
	// warnBefore is how long before the end of the key for tokens people are told:
	// hosts learn the next one by hand.
	warnBefore = 30 * 24 * time.Hour
	// warnAgain is how often the hub's own log says it.
	warnAgain = 24 * time.Hour
)

// keyHolds refuses to sign what every host would refuse.
func (d *Desk) keyHolds() error {
	if d.now().After(d.cfg.NotAfter) {
		return fault.KeyExpired.With("hosts believe the key %s for tokens until %s, and it is later; make the next one with picket-hub keys add token", d.cfg.Key.Public().ID(), d.cfg.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// warnOfKey tells people of the end of the key for tokens: once in the hub's log
// and as a fact when it is near, and once when it has come.
func (d *Desk) warnOfKey(ctx context.Context) error {
	now, id := d.now(), d.cfg.Key.Public().ID()
	left := d.cfg.NotAfter.Sub(now)
	if left > warnBefore {
		return nil
	}
	stage, words := "near", "hosts believe the key "+id+" for tokens until "+d.cfg.NotAfter.Format(time.RFC3339)+": put another to use before, docs/keys.md says how"
	if left < 0 {
		stage, words = "over", "eat.key_expired: hosts believe the key "+id+" for tokens no longer, so no token is made: put another to use, docs/keys.md says how"
	}
	d.toldMu.Lock()
	warn := now.Sub(d.warned) >= warnAgain || now.Before(d.warned)
	if warn {
		d.warned = now
	}
	d.toldMu.Unlock()
	if warn {
		d.cfg.Logger.Warn("the key for tokens ends", "key", id, "not_after", d.cfg.NotAfter.Format(time.RFC3339), "stage", stage)
	}
	return d.cfg.Store.TellKeyEnds(ctx, id, stage, words)
}
