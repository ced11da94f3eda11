package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"picket.internal/api"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
)

// The states of hosts; stateHub is that of the hub's own row.
const (
	stateEnrolled = api.HostEnrolled
	statePending  = api.HostPending
	stateDisabled = api.HostDisabled
	stateSuspect  = api.HostSuspect
	stateHub      = "hub"
)

// machineDigits is how much of a machine's digest is shown.
const machineDigits = 12

// Peer is a host as its key makes it known.
type Peer struct {
	ID, Name, State string
}

// Authenticate finds the host that holds a key and may send; else it is
// fault.HostUnknown, HostPending or HostDisabled. Append checks again, so that
// a host that is disabled in between sends nothing more.
func (s *Store) Authenticate(ctx context.Context, key envelope.PublicKey) (Peer, error) {
	var p Peer
	row := s.read.QueryRowContext(ctx, `SELECT id, name, state FROM hosts WHERE key = ? AND state <> 'hub'`, key.Bytes())
	switch err := row.Scan(&p.ID, &p.Name, &p.State); {
	case errors.Is(err, sql.ErrNoRows):
		return Peer{}, fault.HostUnknown.With("no host has the key %s", key.ID())
	case err != nil:
		return Peer{}, fmt.Errorf("reading host: %w", err)
	}
	return p, admit(p.State)
}

// Hosts lists the hosts by name, the hub itself left out.
func (s *Store) Hosts(ctx context.Context) ([]api.Host, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT h.id, name, state, enrolled, last_seen, silent, sensor_version, sensor_sha256, pinned, kernel,
		facts, alerts, dropped, machine, a.asked, a.at, a.verdict, a.findings, a.notes, coalesce(w.log_records, 0), coalesce(w.log_note, x''), coalesce(w.log_verdict, '')
		FROM hosts h LEFT JOIN attestations a ON a.host = h.n LEFT JOIN wrappers w ON w.host = h.n WHERE state <> 'hub' ORDER BY name, h.n`)
	if err != nil {
		return nil, fmt.Errorf("reading hosts: %w", err)
	}
	defer rows.Close()
	var out []api.Host
	for rows.Next() {
		var h api.Host
		var enrolled, seen int64
		var a attested
		var log api.HostLog
		var note []byte
		err := rows.Scan(&h.ID, &h.Name, &h.State, &enrolled, &seen, &h.Silent, &h.Sensor.Version, &h.Sensor.SHA256,
			&h.PinnedSHA256, &h.Kernel, &h.Facts, &h.Alerts, &h.Dropped, &h.Machine, &a.asked, &a.at, &a.verdict, &a.findings, &a.notes, &log.Records, &note, &log.Verdict)
		if err != nil {
			return nil, fmt.Errorf("reading hosts: %w", err)
		}
		h.Enrolled, h.LastSeen = fromMillis(enrolled), fromMillis(seen)
		h.Attestation = a.attestation()
		if log.Checkpoint = string(note); log.Records > 0 {
			h.Log = &log
		}
		h.Machine = h.Machine[:min(machineDigits, len(h.Machine))]
		out = append(out, h)
	}
	return out, rows.Err()
}

// SetHostState lets a host in or shuts it out, as a person decided. A host that
// is shut out sends nothing more from the next batch on.
func (s *Store) SetHostState(ctx context.Context, id, state string) error {
	if state != stateEnrolled && state != stateDisabled {
		return fmt.Errorf("%w: no host is made %q by hand", api.ErrMalformed, state)
	}
	by := audit.Actor(ctx)
	err := s.update(ctx, 512, func(tx *Tx) error {
		n, err := tx.change(`UPDATE hosts SET state = ?, silent = 0 WHERE id = ? AND state <> 'hub'`, state, id)
		if err == nil && n == 0 {
			return fault.HostUnknown
		}
		if err != nil {
			return err
		}
		return tx.changed(by, "host."+state, id, nil)
	})
	if errors.Is(err, fault.HostUnknown) {
		return notFound("host", id)
	}
	return unavailable(err)
}

// Watched is a host from which something should be heard.
type Watched struct {
	ID       string
	Name     string
	LastSeen time.Time
	Enrolled time.Time
	Silent   bool
}

// WatchedHosts lists the hosts that may send.
func (s *Store) WatchedHosts(ctx context.Context) ([]Watched, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, name, last_seen, enrolled, silent FROM hosts WHERE state IN ('enrolled', 'suspect')`)
	if err != nil {
		return nil, fmt.Errorf("reading hosts: %w", err)
	}
	defer rows.Close()
	var out []Watched
	for rows.Next() {
		var w Watched
		var seen, enrolled int64
		if err := rows.Scan(&w.ID, &w.Name, &seen, &enrolled, &w.Silent); err != nil {
			return nil, fmt.Errorf("reading hosts: %w", err)
		}
		w.LastSeen, w.Enrolled = fromMillis(seen), fromMillis(enrolled)
		out = append(out, w)
	}
	return out, rows.Err()
}

// MarkSilent reports, once, that nothing is heard of a host any more. That it
// is heard again is noticed where its next batch is stored.
func (s *Store) MarkSilent(ctx context.Context, w Watched, silentFor time.Duration) error {
	return s.update(ctx, 512, func(tx *Tx) error {
		n, err := tx.change(`UPDATE hosts SET silent = 1 WHERE id = ? AND silent = 0 AND state IN ('enrolled', 'suspect')`, w.ID)
		if err != nil || n == 0 {
			return err
		}
		f := &fact.Fleet{Action: fact.FleetSilent, SilentFor: silentFor.Seconds(), Reason: "nothing was heard"}
		if !w.LastSeen.IsZero() {
			f.LastSeen = w.LastSeen.Format(time.RFC3339Nano)
		}
		tx.Emit(&fact.Fact{Kind: fact.KindFleet, Host: fact.Host{ID: w.ID, Name: w.Name}, Fleet: f})
		return nil
	})
}

// Notice appends a fact of the hub's own to the log.
func (s *Store) Notice(ctx context.Context, f *fact.Fact) error {
	return s.update(ctx, 1024, func(tx *Tx) error {
		tx.Emit(f)
		return nil
	})
}

// HostInfo is what the engine adds to a host's facts.
type HostInfo struct {
	ID, Name string
	Enrolled time.Time
}

// HostInfo returns a host by its id.
func (s *Store) HostInfo(ctx context.Context, id string) (HostInfo, error) {
	h := HostInfo{ID: id}
	var enrolled int64
	err := s.read.QueryRowContext(ctx, `SELECT name, enrolled FROM hosts WHERE id = ?`, id).Scan(&h.Name, &enrolled)
	if errors.Is(err, sql.ErrNoRows) {
		return HostInfo{}, notFound("host", id)
	}
	if err != nil {
		return HostInfo{}, fmt.Errorf("reading host: %w", err)
	}
	h.Enrolled = fromMillis(enrolled)
	return h, nil
}
