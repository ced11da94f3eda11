package respond

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub/internal/attest"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/store"
	"picket.internal/policies"
	"picket.internal/strictjson"
)

const (
	// attestAtOnce bounds how many hosts are asked in one sweep: the whole fleet
	// is not to hash at once.
	attestAtOnce = 8
	// heartbeatFollows is how long after an answer the sensor may take to say its
	// own hash, which it does every 15 s.
	heartbeatFollows = time.Minute
	// heartbeatBefore is how long before an answer what it said counts.
	heartbeatBefore = 2 * time.Minute
	// pruneEvery is how often attestations that are kept long enough are looked for.
	pruneEvery = time.Hour
)

// Attest has a host attest its sensor now, as a person asks.
func (d *Desk) Attest(ctx context.Context, host string) (api.Response, error) {
	r, err := d.manual(ctx, store.NewResponse{Host: host, Action: eat.ActionAttest, Reason: "a person asks for an attestation"}, newAttest())
	if err != nil {
		return r, err
	}
	return r, d.cfg.Store.AskedToAttest(ctx, host)
}

func newAttest() eat.Attest {
	var nonce [32]byte
	_, _ = rand.Read(nonce[:]) // never fails (Go 1.24)
	return eat.Attest{Nonce: hex.EncodeToString(nonce[:])}
}

// askToAttest asks the hosts that are due and there. It goes on while policies
// are paused: it changes nothing on a host.
func (d *Desk) askToAttest(ctx context.Context) error {
	if d.cfg.AttestEvery <= 0 || d.keyHolds() != nil {
		return nil
	}
	hosts, err := d.cfg.Store.Attestable(ctx)
	if err != nil {
		return err
	}
	for _, host := range d.toAttest(hosts, d.now()) {
		if err := d.askOne(ctx, host); err != nil {
			return err
		}
	}
	return nil
}

// toAttest are those of hosts that are due and there, in their order, as many as
// are asked in one sweep.
func (d *Desk) toAttest(hosts []store.Attestable, now time.Time) (due []string) {
	for _, h := range hosts {
		if len(due) == attestAtOnce {
			break
		}
		if !now.Before(d.dueToAttest(h)) && d.lines.connected(h.Host, now) {
			due = append(due, h.Host)
		}
	}
	return due
}

// dueToAttest is when a host is to be asked next: after the time that is set, a
// tenth more or less, so that hosts that began together do not stay together.
// One that was never asked is asked soon, to have something to compare with.
func (d *Desk) dueToAttest(h store.Attestable) time.Time {
	sum := sha256.Sum256([]byte(h.Host + h.Asked.String()))
	part := time.Duration(float64(d.cfg.AttestEvery) / 10 * float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32))
	if h.Asked.IsZero() {
		return d.started.Add(part)
	}
	return h.Asked.Add(d.cfg.AttestEvery*9/10 + 2*part)
}

func (d *Desk) askOne(ctx context.Context, host string) error {
	args, err := strictjson.Encode(newAttest())
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ids, _, err := d.cfg.Store.AddResponses(ctx, "", []store.NewResponse{{Host: host, Action: eat.ActionAttest, Args: args, Mode: api.ModeSchedule,
		State: api.ResponseQueued, Reason: "attestation on schedule", By: audit.Hub, Valid: policies.DefaultValid}})
	if err != nil {
		return err
	}
	d.cfg.Stats.Add("attest.asked", 1)
	return errors.Join(d.cfg.Store.AskedToAttest(ctx, host), d.issueQueued(ctx, ids[0]))
}

// judgeAttestations judges the answers that are there and can be judged.
func (d *Desk) judgeAttestations(ctx context.Context) error {
	answers, err := d.cfg.Store.Answers(ctx)
	for i := range answers {
		err = errors.Join(err, d.judgeAttestation(ctx, &answers[i]))
	}
	return err
}

func (d *Desk) judgeAttestation(ctx context.Context, a *store.Answer) error {
	result := attest.Result{Verdict: api.AttestNoAnswer} // of which eat.no_receipt tells
	if a.Receipt != nil {
		in := attest.Input{Nonce: a.Nonce, Receipt: a.Receipt, Pinned: a.Pinned, Before: a.Before}
		var after bool
		var err error
		if in.Said, after, err = d.said(ctx, a); err != nil {
			return err
		}
		// In the middle of an upgrade the sensor says the old hash until its next
		// heartbeat; so it has a while to say another.
		if !after && d.now().Sub(a.Received) < heartbeatFollows {
			return nil
		}
		if in.Upgraded, err = d.upgraded(ctx, a); err != nil {
			return err
		}
		result = attest.Judge(in)
	}
	if err := d.cfg.Store.StoreAttestation(ctx, a, result); err != nil {
		return err
	}
	d.cfg.Stats.Add("attest."+result.Verdict, 1)
	d.cfg.Logger.Info("sensor attested", "host", a.Host.ID, "verdict", result.Verdict, "findings", len(result.Findings))
	return nil
}

// said are the hashes of its own file that the sensor has told around an answer,
// the newest first; after is true where one came after it.
func (d *Desk) said(ctx context.Context, a *store.Answer) (hashes []string, after bool, err error) {
	facts, err := d.cfg.Store.Facts(ctx, api.FactQuery{HostID: a.Host.ID, Kind: string(fact.KindBinary), Since: a.Receipt.Started.Add(-heartbeatBefore), Limit: 50})
	if err != nil {
		return nil, false, err
	}
	for _, s := range facts {
		f, _, err := fact.Parse(s.Fact)
		if err != nil || f.Binary == nil {
			continue
		}
		after = after || !s.Received.Before(a.Received)
		if f.Binary.Hash != nil {
			hashes = append(hashes, f.Binary.Hash.SHA256)
		}
	}
	return hashes, after, nil
}

// upgraded reports whether the host has told of a change of Picket's packages
// since the answer before. The sensor is who tells: what this explains is what
// changed, and never that the sensor says one thing and the wrapper another.
func (d *Desk) upgraded(ctx context.Context, a *store.Answer) (bool, error) {
	if a.Before == nil {
		return false, nil
	}
	facts, err := d.cfg.Store.Facts(ctx, api.FactQuery{HostID: a.Host.ID, Kind: string(fact.KindPackage), Since: a.Hashed.Add(-heartbeatBefore), Limit: api.MaxLimit})
	if err != nil {
		return false, err
	}
	for _, s := range facts {
		f, _, err := fact.Parse(s.Fact)
		if err == nil && f.Package != nil && strings.HasPrefix(f.Package.Name, "picket") && f.Package.Action != "seen" {
			return true, nil
		}
	}
	return false, nil
}

// pruneAttestations drops the signed forms of attestations that are kept long enough.
func (d *Desk) pruneAttestations(ctx context.Context) error {
	if d.cfg.AttestKeep <= 0 {
		return nil
	}
	for more := true; more; {
		n, left, err := d.cfg.Store.PruneAttestations(ctx, d.now().Add(-d.cfg.AttestKeep))
		if err != nil {
			return err
		}
		d.cfg.Stats.Add("attest.pruned", int64(n))
		if more = left; n > 0 {
			d.cfg.Logger.Info("attestations pruned", "attestations", n)
		}
	}
	return nil
}
