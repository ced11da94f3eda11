package store

import (
	"fmt"
	"time"

	"picket.internal/fact"
)

// storeHost brings the host's row up to date with the batch.
func (a *appending) storeHost(v verdict) error {
	current, err := a.checkClone(v)
	if err != nil {
		return err
	}
	a.checkReturn()
	a.checkSensor()
	if err := a.checkOwnFiles(v); err != nil {
		return fmt.Errorf("checking the sensor's files: %w", err)
	}
	h := a.host
	return a.tx.exec(`UPDATE hosts SET last_seen = ?, silent = 0, session = ?, facts = facts + ?, dropped = dropped + ?,
		sensor_version = ?, sensor_sha256 = ?, kernel = coalesce(nullif(?, ''), kernel),
		pinned = ?, seen_disk = ?, seen_running = ? WHERE n = ?`,
		millis(a.tx.now), current, len(a.b.Entries), max(0, a.b.Dropped-a.session.dropped),
		firstOf(a.b.Version, h.version), firstOf(a.b.SHA256, h.hash), a.kernel(),
		h.pin.expected, h.pin.disk, h.pin.running, h.n)
}

// heard notes that the host lives, of a batch that brought nothing new.
func (a *appending) heard() error {
	a.checkReturn()
	return a.tx.exec(`UPDATE hosts SET last_seen = ?, silent = 0 WHERE n = ?`, millis(a.tx.now), a.host.n)
}

// checkReturn reports a host that was silent. That it fell silent is noticed
// in hub/internal/fleet.
func (a *appending) checkReturn() {
	if !a.host.silent {
		return
	}
	last := fromMillis(a.host.lastSeen)
	a.emit(&fact.Fleet{Action: fact.FleetReturned, LastSeen: last.Format(time.RFC3339Nano),
		SilentFor: max(0, a.tx.now.Sub(last).Seconds()), Session: a.b.Session})
}

// maxFindings bounds what one batch can make the hub find in it: a sensor sends
// one heartbeat in fifteen seconds, not a thousand with another hash each.
const maxFindings = 16

// checkSensor holds the sensor's own hash to the pinned one.
func (a *appending) checkSensor() {
	emitted := 0
	for _, e := range a.b.Entries {
		if e.Fact.Kind != fact.KindBinary || e.Fact.Binary == nil {
			continue
		}
		var found []*fact.Integrity
		a.host.pin, found = a.host.pin.observe(e.Fact.Binary)
		for _, f := range found {
			if emitted++; emitted > maxFindings {
				break
			}
			a.tx.Emit(&fact.Fact{Kind: fact.KindIntegrity, Host: a.subject(), Integrity: f})
		}
	}
}

// kernel is the kernel's release where the batch tells it.
func (a *appending) kernel() string {
	for _, e := range a.b.Entries {
		if e.Fact.Sensor != nil && e.Fact.Sensor.Kernel != "" {
			return e.Fact.Sensor.Kernel
		}
	}
	return ""
}

// checkClone reports, once a session, that two machines use one key, and says
// which session is the current one from now on. A session that began before
// the current one and shows no clone is a straggler, and stays in the past.
func (a *appending) checkClone(v verdict) (current int64, err error) {
	ss := a.session
	if v == late || a.host.session == 0 || ss.currentIsItself {
		return firstNumber(a.host.session, ss.n), nil
	}
	if !ss.chain.known {
		return ss.n, nil // a restart
	}
	if !interleaved(a.b.Sent, fromMillis(ss.currentFirst)) {
		return a.host.session, nil
	}
	if ss.cloned {
		return ss.n, nil
	}
	a.emit(&fact.Fleet{Action: fact.FleetCloned, Session: a.b.Session, FirstSeq: clamp(a.b.Seq), LastSeq: clamp(a.b.Seq),
		Reason: "identity.cloned: two sessions of one host key send in turn"})
	return ss.n, a.tx.exec(`UPDATE sessions SET cloned = 1 WHERE n = ?`, ss.n)
}

func firstNumber(a, b int64) int64 {
	if a != 0 {
		return a
	}
	return b
}

// markFork makes the host suspect and reports the fork, once a session.
func (a *appending) markFork() error {
	if a.session.forked || !a.session.chain.known && a.host.state == stateSuspect {
		return nil
	}
	a.emit(&fact.Fleet{Action: fact.FleetFork, Session: a.b.Session, FirstSeq: clamp(a.b.Seq), LastSeq: clamp(a.b.Seq),
		Reason: "batch.fork: two different batches have one number"})
	if err := a.tx.exec(`UPDATE sessions SET forked = 1 WHERE n = ?`, a.session.n); err != nil {
		return err
	}
	return a.tx.exec(`UPDATE hosts SET state = ? WHERE n = ? AND state = ?`, stateSuspect, a.host.n, stateEnrolled)
}

func (a *appending) subject() fact.Host { return fact.Host{ID: a.hostID, Name: a.host.name} }

func (a *appending) emit(f *fact.Fleet) {
	a.tx.Emit(&fact.Fact{Kind: fact.KindFleet, Host: a.subject(), Fleet: f})
}
