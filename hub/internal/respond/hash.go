package respond

import (
	"context"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
)

const (
	// hashFollows is how long a hash may come after the fact that lacks it, as
	// the sensor puts it off: it hashes, and sends what is not urgent within a
	// second.
	hashFollows = 2 * time.Second
	// hashLook is how many facts of processes are looked through at once.
	hashLook = 500
)

// complete gives the processes of facts the hashes that follow them: what is
// urgent is told before a large or new program is hashed, and no process is
// acted on without. It waits until the end at most, which all alerts of one step
// have in common, so that no host can hold up the others for long.
func (d *Desk) complete(ctx context.Context, host string, facts []*fact.Fact, end time.Time) error {
	for _, f := range facts {
		if f.Process == nil || f.Process.HashStatus != fact.HashDeferred {
			continue
		}
		within, cancel := context.WithDeadline(ctx, end)
		sum, err := d.awaitHash(within, host, f)
		cancel()
		switch {
		case sum != nil:
			f.Process.Hash, f.Process.HashStatus = sum, fact.HashOK
		case err != nil && ctx.Err() == nil && within.Err() != nil: // it does without
		case err != nil:
			return err
		}
	}
	return nil
}

// awaitHash is what the host itself tells of the same process running the same
// program: what it has told already, or tells before ctx ends.
func (d *Desk) awaitHash(ctx context.Context, host string, of *fact.Fact) (*fact.Hash, error) {
	_, cursor, err := d.cfg.Store.FactsAfter(ctx, "", api.FactQuery{}) // where what is told from now on begins
	if err != nil {
		return nil, err
	}
	about := api.FactQuery{HostID: host, Kind: string(fact.KindProcess), Since: of.Time.Add(-time.Minute), Limit: hashLook}
	told, err := d.cfg.Store.Facts(ctx, about)
	for {
		if err != nil {
			return nil, err
		}
		if sum := hashOf(told, of); sum != nil {
			return sum, nil
		}
		changed := d.cfg.Store.Changed()
		if told, cursor, err = d.cfg.Store.FactsAfter(ctx, cursor, about); err != nil || len(told) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// hashOf is what facts tell of a process running a program; nil for nothing.
func hashOf(told []api.StoredFact, of *fact.Fact) *fact.Hash {
	for _, s := range told {
		f, _, err := fact.Parse(s.Fact)
		if err != nil || f.Process == nil || f.Process.Hash == nil {
			continue
		}
		if p := f.Process; p.EntityID == of.Process.EntityID && p.EntityID != "" && p.Executable == of.Process.Executable && p.ExecutableB64 == of.Process.ExecutableB64 {
			return p.Hash
		}
	}
	return nil
}
