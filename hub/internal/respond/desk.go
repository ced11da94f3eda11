package respond

import (
	"context"
	"crypto/ecdh"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"picket.internal/eat"
	"picket.internal/engine/rule"
	"picket.internal/envelope"
	"picket.internal/hub/internal/stats"
	"picket.internal/hub/internal/store"
	"picket.internal/policies"
)

// Config says what a Desk works with. All but Evidence, AttestEvery,
// AttestKeep, Policies, Rules, HostActions, Now and Redeliver must be set.
type Config struct {
	// Hub is the hub's id.
	Hub string
	// Key signs tokens; NotAfter is when hosts stop believing it.
	Key      envelope.PrivateKey
	NotAfter time.Time
	// Signers are the keys that tokens which still count may be signed with, Key's
	// among them.
	Signers []envelope.PublicKey
	// Trust is whom hosts are asked to believe, given the operators; its error is
	// eat.ErrTrust where they would not take it.
	Trust func([]eat.Operator) (*eat.TrustStore, error)
	// Evidence open what hosts have sealed to the hub; none means that it takes no
	// evidence, and hosts keep it.
	Evidence []*ecdh.PrivateKey
	// AttestEvery is how often each host is asked to attest its sensor; empty
	// means never.
	AttestEvery time.Duration
	// AttestKeep is how long the signed forms of attestations that agree are kept;
	// empty means for ever.
	AttestKeep time.Duration
	// Store keeps responses, tokens and receipts, and the log.
	Store *store.Store
	// Policies is a folder of policies, looked at again when it changes; empty
	// means those that Picket ships.
	Policies string
	// Rules are the rules that run, for the policies that they name; nil means
	// that nobody looks.
	Rules func() *rule.Set
	// HostActions is how often all policies together act on one host within an
	// hour without a person; empty means DefaultHostActions.
	HostActions int
	// Stats counts by cause.
	Stats *stats.Set
	// Now is the clock; empty means time.Now.
	Now func() time.Time
	// Redeliver is after what time without a receipt a token is handed out
	// again; empty means 10 s.
	Redeliver time.Duration
	// Logger is told what is done.
	Logger *slog.Logger
}

// Desk decides, issues, delivers and takes receipts.
type Desk struct {
	cfg Config

	// mu is held while a decision is made and written: a budget is counted and
	// spent by one at a time.
	mu sync.Mutex

	started time.Time // by the hub's clock
	pruned  time.Time // when Run last looked for attestations to prune; Run's own

	running atomic.Pointer[loaded]
	unknown atomic.Pointer[unknown]
	lines   lines

	toldMu sync.Mutex
	told   map[string]time.Time // when a host's bad receipts were last told; guarded by toldMu
	warned time.Time            // when the end of the key was last logged; guarded by toldMu
}

// New returns a desk with its policies loaded. A folder of policies with a
// mistake in it is an error: what somebody meant to be limited must not run
// without its limits.
func New(ctx context.Context, cfg Config) (*Desk, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Redeliver == 0 {
		cfg.Redeliver = 10 * time.Second
	}
	if cfg.HostActions == 0 {
		cfg.HostActions = DefaultHostActions
	}
	d := &Desk{cfg: cfg, lines: lines{open: map[string]*line{}}, told: map[string]time.Time{}, started: cfg.Now()}
	if err := d.loadPolicies(ctx); err != nil {
		return d, err
	}
	d.tellUnknown()
	return d, nil
}

// Run responds to alerts until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	tick := time.NewTicker(store.Sweep)
	defer tick.Stop()
	for {
		changed := d.cfg.Store.Changed() // before the look, so that nothing falls between
		more, err := d.step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			// What was not responded to is read again: the place is in the store.
			d.cfg.Stats.Add("response.failed", 1)
			d.cfg.Logger.Error("responding failed, trying again", "error", err)
		case more:
			continue
		}
		select {
		case <-changed:
			if err != nil { // not at once: it would fail again
				select {
				case <-tick.C:
				case <-ctx.Done():
					return nil
				}
			}
		case <-tick.C:
			d.sweep(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// sweep does what no event asks for.
func (d *Desk) sweep(ctx context.Context) {
	n, err := d.cfg.Store.Overdue(ctx)
	if err != nil {
		d.cfg.Logger.Error("looking for missing receipts failed", "error", err)
	}
	d.cfg.Stats.Add("response.overdue", int64(n))
	if err := d.sweepEvidence(ctx); err != nil {
		d.cfg.Logger.Error("comparing evidence with its receipt failed, trying again", "error", err)
	}
	if err := errors.Join(d.askToAttest(ctx), d.judgeAttestations(ctx)); err != nil {
		d.cfg.Logger.Error("attesting sensors failed, trying again", "error", err)
	}
	if err := d.warnOfKey(ctx); err != nil {
		d.cfg.Logger.Error("telling of the end of the key for tokens failed, trying again", "error", err)
	}
	if now := d.now(); now.Sub(d.pruned) >= pruneEvery {
		d.pruned = now
		if err := d.pruneAttestations(ctx); err != nil {
			d.cfg.Logger.Error("pruning attestations failed, trying again within the hour", "error", err)
		}
	}
	if err := d.reloadPolicies(ctx); err != nil && !errors.Is(err, errSame) {
		d.cfg.Logger.Error("policies not loaded, the last good ones stay", "error", err)
	}
	d.tellUnknown()
}

// Sweep does at once what Run does every few seconds: it looks for what is
// overdue or due, for answers to be judged, for the end of the key, and for changed
// policies.
func (d *Desk) Sweep(ctx context.Context) error {
	_, err := d.cfg.Store.Overdue(ctx)
	err = errors.Join(err, d.sweepEvidence(ctx), d.askToAttest(ctx), d.judgeAttestations(ctx), d.warnOfKey(ctx), d.pruneAttestations(ctx))
	if reload := d.reloadPolicies(ctx); !errors.Is(reload, errSame) {
		err = errors.Join(err, reload)
	}
	d.tellUnknown()
	return err
}

// loaded are the policies that run.
type loaded struct {
	list   []*policies.Policy
	source string
	digest string
	err    error // why a newer set does not run
}

func (d *Desk) policies() []*policies.Policy { return d.running.Load().list }

func (d *Desk) now() time.Time { return d.cfg.Now() }

func fmtCount(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
