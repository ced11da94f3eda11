package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"picket.internal/fact"
	"picket.internal/wire"
)

const (
	// maxKeptState is how long a state may be that is kept whole, and
	// maxKeptStates how long those of one inventory together.
	maxKeptState  = 16 << 10
	maxKeptStates = 32 << 20
	// maxGoneFacts bounds how many facts of one batch are believed that call
	// entities gone: the hub makes a fact of its own of each.
	maxGoneFacts = 16
	// comparing is how long the hub leaves an inventory alone for each entity
	// in it once it has compared them all: a host that has the hub compare all
	// the time takes a fiftieth of its time at most.
	comparing = time.Millisecond
	// askRest is the least time between two questions about one inventory;
	// after the first in vain it is askAgain, and doubles up to askSeldom.
	askRest   = 10 * time.Second
	askAgain  = time.Minute
	askSeldom = time.Hour
)

// change is what one fact does to an inventory.
type change struct {
	kind     fact.Kind
	key      [8]byte
	sum      Digest
	state    []byte
	removed  bool
	snapshot *fact.Snapshot // instead of the above
}

// changesOf finds what a batch does to inventories. It runs before the
// transaction, because it takes longer than what is done in it.
func changesOf(entries []Entry) []change {
	var out []change
	gone := 0
	for _, e := range entries {
		f := e.Fact
		if s := f.Snapshot; f.Kind == fact.KindSnapshot && s != nil {
			if len(s.Gone) > 0 {
				gone++
			}
			if slices.Contains(fact.Inventories(), s.Of) && (len(s.Gone) == 0 || gone <= maxGoneFacts && len(s.Gone) <= fact.MaxGone) {
				out = append(out, change{kind: s.Of, snapshot: s})
			}
			continue
		}
		entity, ok, err := f.Entity()
		if !ok || err != nil {
			continue
		}
		out = append(out, change{kind: entity.Kind, key: entity.KeyHash(), sum: entity.Sum(), state: entity.State, removed: f.Action() == fact.Removed})
	}
	return out
}

// inventoryRow is a row of inventories.
type inventoryRow struct {
	n, session, count, bytes, changed, told      int64
	digest                                       string
	claimed, omitted                             int64
	reason                                       string
	pending, judged, agreed, wanted, asked, asks int64

	kind  fact.Kind
	dirty bool
}

const inventoryColumns = `n, kind, session, count, bytes, changed, told, digest, claimed, omitted, reason, pending, judged, agreed, wanted, asked, asks`

func (r *inventoryRow) into() []any {
	return []any{&r.n, &r.kind, &r.session, &r.count, &r.bytes, &r.changed, &r.told, &r.digest, &r.claimed, &r.omitted, &r.reason,
		&r.pending, &r.judged, &r.agreed, &r.wanted, &r.asked, &r.asks}
}

// rest is how long the host is not asked again.
func (r *inventoryRow) rest() time.Duration {
	rest := max(askRest, time.Duration(r.count)*comparing)
	if r.asks > 0 {
		rest = max(rest, min(askSeldom, askAgain<<min(r.asks-1, 10)))
	}
	return rest
}

// ask tells whether a session is to be told that the inventory is wanted.
func (r *inventoryRow) ask(session int64, now time.Time) bool {
	return r.wanted > 0 && r.session == session && (r.asked == 0 || now.Sub(fromMillis(r.asked)) >= r.rest())
}

// inventory brings the host's inventories up to date with the batch, in the
// order of its facts, and compares what is due. A batch that came late, or of a
// session that another one has followed, says how things were and changes
// nothing: should it have known something that is still so, the digest shows.
func (a *appending) inventory(v verdict) error {
	newest := a.host.inventories
	if !a.session.chain.known {
		newest = a.session.n
		if err := a.tx.exec(`UPDATE hosts SET inventory_session = ? WHERE n = ?`, newest, a.host.n); err != nil {
			return err
		}
	}
	if err := a.loadInventories(); err != nil || v == late || newest != a.session.n {
		return err
	}
	for i := range a.changes {
		if err := a.change(&a.changes[i]); err != nil {
			return err
		}
	}
	for _, r := range a.inventories {
		if err := a.compare(r); err != nil {
			return err
		}
		if err := a.saveInventory(r); err != nil {
			return err
		}
	}
	return nil
}

// wants are the inventories that the session is to be asked about.
func (a *appending) wants() []string {
	var out []string
	for _, r := range a.inventories {
		if len(out) < wire.MaxResync && r.ask(a.session.n, a.tx.now) {
			out = append(out, string(r.kind))
		}
	}
	slices.Sort(out)
	return out
}

func (a *appending) loadInventories() error {
	st, err := a.tx.stmt(`SELECT ` + inventoryColumns + ` FROM inventories WHERE host = ?`)
	if err != nil {
		return err
	}
	rows, err := st.Query(a.host.n)
	if err != nil {
		return err
	}
	defer rows.Close()
	a.inventories = map[fact.Kind]*inventoryRow{}
	for rows.Next() {
		r := &inventoryRow{}
		if err := rows.Scan(r.into()...); err != nil {
			return err
		}
		a.inventories[r.kind] = r
	}
	return rows.Err()
}

// inventoryOf is the row of a kind; made where there is none.
func (a *appending) inventoryOf(k fact.Kind) (*inventoryRow, error) {
	if r := a.inventories[k]; r != nil {
		return r, nil
	}
	n, err := a.tx.insert(`INSERT INTO inventories (host, kind) VALUES (?, ?)`, a.host.n, string(k))
	if err != nil {
		return nil, err
	}
	r := &inventoryRow{n: n, kind: k}
	a.inventories[k] = r
	return r, nil
}

func (a *appending) change(c *change) error {
	r, err := a.inventoryOf(c.kind)
	if err != nil {
		return err
	}
	r.dirty = true
	switch {
	case c.snapshot == nil:
		r.pending = 0 // another digest follows
		return a.put(r, c)
	case c.snapshot.Digest != "":
		r.told, r.session, r.pending = millis(a.tx.now), a.session.n, 1
		r.claimed, r.omitted, r.reason = c.snapshot.Count, c.snapshot.Omitted, c.snapshot.Reason
		r.digest = c.snapshot.Digest // what is no digest agrees with nothing
		return nil
	}
	r.pending = 0
	return a.gone(r, c.snapshot.Gone)
}

// put stores an entity as it is now, or takes it away.
func (a *appending) put(r *inventoryRow, c *change) error {
	var sum []byte
	var size int64
	found, err := a.tx.get(`SELECT sum, length(state) FROM entities WHERE inventory = ? AND key = ?`, []any{r.n, c.key[:]}, &sum, &size)
	if err != nil {
		return err
	}
	now := millis(a.tx.now)
	switch {
	case c.removed && !found, found && !c.removed && bytes.Equal(sum, c.sum[:]), !found && r.count >= fact.MaxEntities:
		return nil
	case c.removed:
		r.count, r.bytes, r.changed = r.count-1, r.bytes-size, now
		return a.tx.exec(`DELETE FROM entities WHERE inventory = ? AND key = ?`, r.n, c.key[:])
	}
	state := c.state
	if len(state) > maxKeptState || r.bytes-size+int64(len(state)) > maxKeptStates {
		state = []byte{}
	}
	r.bytes, r.changed = r.bytes-size+int64(len(state)), now
	if found {
		return a.tx.exec(`UPDATE entities SET sum = ?, state = ?, changed = ? WHERE inventory = ? AND key = ?`, c.sum[:], state, now, r.n, c.key[:])
	}
	r.count++
	return a.tx.exec(`INSERT INTO entities (inventory, key, sum, state, first, changed) VALUES (?, ?, ?, ?, ?, ?)`,
		r.n, c.key[:], c.sum[:], state, now, now)
}

// gone takes away what the host has not, and tells so in the hub's own log: the
// sensor could not name it.
func (a *appending) gone(r *inventoryRow, keys []string) error {
	for _, text := range keys {
		key, err := hex.DecodeString(text)
		if err != nil || len(key) != 8 {
			continue
		}
		var state []byte
		found, err := a.tx.get(`SELECT state FROM entities WHERE inventory = ? AND key = ?`, []any{r.n, key}, &state)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if err := a.put(r, &change{kind: r.kind, key: [8]byte(key), removed: true}); err != nil {
			return err
		}
		f, err := fact.FromState(r.kind, state, fact.Removed)
		if err != nil { // too large to be kept
			continue
		}
		f.Host = a.subject()
		a.tx.Emit(f)
	}
	return nil
}

// compare holds what is held against the digest that the host told.
func (a *appending) compare(r *inventoryRow) error {
	if r.pending == 0 || r.judged > 0 && a.tx.now.Sub(fromMillis(r.judged)) < time.Duration(r.count)*comparing {
		return nil
	}
	digest, err := a.digest(r)
	if err != nil {
		return err
	}
	now := millis(a.tx.now)
	r.dirty, r.pending, r.judged = true, 0, now
	switch {
	case r.count == r.claimed && digest.String() == r.digest:
		r.agreed, r.wanted, r.asks = now, 0, 0
	case r.wanted == 0:
		r.wanted = now
	}
	return nil
}

func (a *appending) digest(r *inventoryRow) (Digest, error) {
	st, err := a.tx.stmt(`SELECT sum FROM entities WHERE inventory = ?`)
	if err != nil {
		return Digest{}, err
	}
	rows, err := st.Query(r.n)
	if err != nil {
		return Digest{}, err
	}
	defer rows.Close()
	sums := make([][sha256.Size]byte, 0, r.count)
	var sum []byte
	for rows.Next() {
		if err := rows.Scan(&sum); err != nil {
			return Digest{}, err
		}
		if len(sum) != sha256.Size {
			return Digest{}, fmt.Errorf("internal error: a sum of %d bytes", len(sum))
		}
		sums = append(sums, [sha256.Size]byte(sum))
	}
	return fact.Digest(sums), rows.Err()
}

func (a *appending) saveInventory(r *inventoryRow) error {
	if !r.dirty {
		return nil
	}
	return a.tx.exec(`UPDATE inventories SET session = ?, count = ?, bytes = ?, changed = ?, told = ?, digest = ?, claimed = ?, omitted = ?, reason = ?,
		pending = ?, judged = ?, agreed = ?, wanted = ?, asks = ? WHERE n = ?`,
		r.session, r.count, r.bytes, r.changed, r.told, r.digest, r.claimed, r.omitted, r.reason,
		r.pending, r.judged, r.agreed, r.wanted, r.asks, r.n)
}
