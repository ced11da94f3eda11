package store

import (
	"context"
	"fmt"

	"picket.internal/fact"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
	"picket.internal/wire"
)

// Enrolled is what a host that enrolled is told.
type Enrolled struct {
	Host  string
	State string
	// Again is true where the same key asked before and is told the same.
	Again bool
}

// Enroll takes a host in. The caller has checked that the request is signed by
// the key that it names; the token is spent in the same transaction that makes
// the host.
//
// A machine that is known already is let in only as pending: its first identity
// goes on as before, until a person decides (threat T4). The same key that asks
// again gets the answer that it missed, without spending the token twice.
func (s *Store) Enroll(ctx context.Context, r *wire.EnrollRequest) (Enrolled, error) {
	var out Enrolled
	err := s.update(ctx, 1024, func(tx *Tx) (err error) {
		out, err = tx.enroll(r)
		return err
	})
	if err != nil {
		return Enrolled{}, err
	}
	return out, nil
}

func (tx *Tx) enroll(r *wire.EnrollRequest) (Enrolled, error) {
	out := Enrolled{Again: true}
	var token string
	known, err := tx.get(`SELECT id, state, token FROM hosts WHERE key = ?`, []any{r.Key.Bytes()}, &out.Host, &out.State, &token)
	if err != nil {
		return Enrolled{}, fmt.Errorf("reading host: %w", err)
	}
	if known {
		return out, tx.enrollAgain(out, token, r)
	}
	if err := tx.spend(r.Token, r.Secret); err != nil {
		return Enrolled{}, err
	}
	return tx.addHost(r)
}

// enrollAgain checks that a key that is known has a token that lets it in: the
// one that did so before, or one that it spends now.
func (tx *Tx) enrollAgain(out Enrolled, token string, r *wire.EnrollRequest) error {
	if token != r.Token {
		if err := tx.spend(r.Token, r.Secret); err != nil {
			return err
		}
	} else {
		var n int
		if _, err := tx.get(`SELECT count(*) FROM enroll_tokens WHERE id = ? AND secret = ?`, []any{r.Token, digestOf(r.Secret)}, &n); err != nil {
			return fmt.Errorf("reading token: %w", err)
		}
		if n == 0 {
			return fault.TokenUnknown.With("no such token as %q, or another secret", r.Token)
		}
	}
	if out.State == stateDisabled || out.State == stateHub {
		return fault.HostDisabled
	}
	if token == r.Token {
		return nil
	}
	// It is told the hub's TLS keys anew.
	return tx.changed(audit.Hub, "host.enrolled_again", out.Host, map[string]string{"token": r.Token})
}

func (tx *Tx) addHost(r *wire.EnrollRequest) (Enrolled, error) {
	out := Enrolled{Host: wire.NewHostID(), State: stateEnrolled}
	var other string
	again, err := tx.get(`SELECT id FROM hosts WHERE machine = ? ORDER BY n LIMIT 1`, []any{r.Machine}, &other)
	if err != nil {
		return Enrolled{}, fmt.Errorf("looking for the machine: %w", err)
	}
	if again {
		out.State = statePending
	}
	n, err := tx.insert(`INSERT INTO hosts (id, key, state, machine, name, os, kernel, architecture, token, enrolled, sensor_version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		out.Host, r.Key.Bytes(), out.State, r.Machine, r.Name, r.OS, r.Kernel, r.Architecture, r.Token, millis(tx.now), r.Version)
	if err != nil {
		return Enrolled{}, fmt.Errorf("storing host: %w", err)
	}
	if err := tx.changed(audit.Hub, "host.enrolling", out.Host, map[string]string{"state": out.State, "token": r.Token, "key": r.Key.ID()}); err != nil {
		return Enrolled{}, err
	}
	if !r.Wrapper.IsZero() {
		if err := tx.setWrapperKey(audit.Hub, out.Host, r.Wrapper); err != nil {
			return Enrolled{}, err
		}
	}
	tx.onCommit(func() { tx.w.store.hosts.add(out.Host, n) })
	subject := fact.Host{ID: out.Host, Name: r.Name}
	notice := func(f *fact.Fleet) { tx.Emit(&fact.Fact{Kind: fact.KindFleet, Host: subject, Fleet: f}) }
	if !again {
		notice(&fact.Fleet{Action: fact.FleetEnrolled, Reason: fmt.Sprintf("token %s", r.Token)})
		return out, nil
	}
	notice(&fact.Fleet{Action: fact.FleetPending, OtherHostID: other, Reason: fmt.Sprintf("token %s", r.Token)})
	notice(&fact.Fleet{Action: fact.FleetDuplicateMachine, OtherHostID: other,
		Reason: "identity.duplicate_machine: the machine is enrolled already; approve the new host, or disable it"})
	return out, nil
}
