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
	// hashLook is how many facts of processes are looked through for it.
	hashLook = 500
)

// complete gives the processes of facts the hashes that follow them: what is
// urgent is told before a large or new program is hashed, and no process is
// acted on without. It waits until the end at most, which all alerts of one step
// have in common, so that no host can hold up the others for long.
func (d *Desk) complete(ctx context.Context, host string, facts []*fact.Fact, end time.Time) error {
	for _, f := range facts {
		for f.Process != nil && f.Process.HashStatus == fact.HashDeferred {
			sum, err := d.hashOf(ctx, host, f)
			if err != nil {
				return err
			}
			if sum != nil {
				f.Process.Hash, f.Process.HashStatus = sum, fact.HashOK
				break
			}
			if time.Now().After(end) {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

// hashOf is what the host itself has told of the same process running the same
// program; nil where it has not yet.
func (d *Desk) hashOf(ctx context.Context, host string, of *fact.Fact) (*fact.Hash, error) {
	stored, err := d.cfg.Store.Facts(ctx, api.FactQuery{HostID: host, Kind: string(fact.KindProcess), Since: of.Time.Add(-time.Minute), Limit: hashLook})
	if err != nil {
		return nil, err
	}
	for _, s := range stored {
		f, _, err := fact.Parse(s.Fact)
		if err != nil || f.Process == nil || f.Process.Hash == nil {
			continue
		}
		if p := f.Process; p.EntityID == of.Process.EntityID && p.EntityID != "" && p.Executable == of.Process.Executable && p.ExecutableB64 == of.Process.ExecutableB64 {
			return p.Hash, nil
		}
	}
	return nil, nil
}
