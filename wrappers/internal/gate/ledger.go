//go:build linux

package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/eat"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
)

// What became of a token, as far as the disk knows.
const (
	stageSpent = "spent" // it counts as used; nothing was done yet
	stageActs  = "acts"  // the act may have begun: its record says how to finish or undo it
	stageHolds = "holds" // it is in force
	stageEnded = "ended" // it is over, and its receipt is written
)

// entry is one token that was spent: one file of the ledger, named by its id.
type entry struct {
	V       int            `json:"v"`
	Token   string         `json:"token"`
	SHA256  string         `json:"sha256"`
	Action  string         `json:"action"`
	Counter uint64         `json:"counter,string"`
	Boot    string         `json:"boot"`
	At      time.Time      `json:"at"`
	Stage   string         `json:"stage"`
	Args    jsontext.Value `json:"args,omitzero"`
	// Record is what the action needs to be done and undone.
	Record jsontext.Value `json:"record,omitzero"`
	// LeaseEnd is when it ends by itself.
	LeaseEnd time.Time `json:"lease_end,omitzero"`
	// ConfirmBy is when an isolation ends unless the hub was heard since.
	ConfirmBy time.Time `json:"confirm_by,omitzero"`
}

const (
	ledgerVersion = 1
	maxEntry      = 4 << 20
	maxEntries    = 20_000
	// keepEntries is how long an entry that is over is kept: the counter alone
	// refuses it afterwards, and no token holds for so long.
	keepEntries = 48 * time.Hour
)

// ledger is all entries, as they were read under the lock.
type ledger struct {
	dir      folder
	entries  map[string]*entry
	counters eat.Counters
}

var _ eat.Ledger = (*ledger)(nil)

func openLedger(state folder, counters eat.Counters) (*ledger, error) {
	dir, err := state.sub("ledger")
	if err != nil {
		return nil, err
	}
	l := &ledger{dir: dir, entries: map[string]*entry{}, counters: counters}
	names, err := dir.f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	if len(names) > maxEntries {
		return nil, action.Refuse("state.too_large", "%s has %d entries where %d are allowed", dir.f.Name(), len(names), maxEntries)
	}
	for _, name := range names {
		if !eat.ValidTokenID(name) {
			continue // the beginning of one, of which nothing was done
		}
		data, err := dir.read(name, maxEntry)
		if err != nil {
			return nil, err
		}
		e := new(entry)
		if err := strictjson.Decode(data, strictjson.Limits{Bytes: maxEntry, String: maxEntry, Items: 100_000}, e, nil); err != nil {
			return nil, action.Refuse("state.bad_file", "malformed %s: %v: what was spent is not known, so nothing may be done", dir.path(name), err)
		}
		if e.V != ledgerVersion || e.Token != name {
			return nil, action.Refuse("state.bad_file", "malformed %s: it is of version %d and token %q", dir.path(name), e.V, e.Token)
		}
		l.entries[name] = e
		l.counters = l.counters.Spend(e.Counter)
	}
	return l, nil
}

// Used reports whether the token was spent.
func (l *ledger) Used(id, sha256 string) bool {
	for _, e := range l.entries {
		if e.Token == id || e.SHA256 == sha256 {
			return true
		}
	}
	return false
}

// Counters are those of all tokens that were ever spent.
func (l *ledger) Counters() eat.Counters { return l.counters }

// Recent counts the tokens of an action in the last hour.
func (l *ledger) Recent(action string, now time.Time) (n int) {
	for _, e := range l.entries {
		if e.Action == action && e.At.After(now.Add(-time.Hour)) {
			n++
		}
	}
	return n
}

// ActionOf is the action of a spent token.
func (l *ledger) ActionOf(id string) (string, bool) {
	e := l.entries[id]
	if e == nil {
		return "", false
	}
	return e.Action, true
}

// spend writes a new entry, which must be on the disk before anything is done.
func (l *ledger) spend(e *entry) error {
	data, err := e.encode()
	if err != nil {
		return err
	}
	if err := l.dir.create(e.Token, data); err != nil {
		return err
	}
	l.entries[e.Token], l.counters = e, l.counters.Spend(e.Counter)
	return nil
}

// put writes what became of an entry.
func (l *ledger) put(e *entry) error {
	data, err := e.encode()
	if err != nil {
		return err
	}
	return l.dir.replace(e.Token, data)
}

func (e *entry) encode() ([]byte, error) {
	e.V = ledgerVersion
	data, err := strictjson.Encode(e)
	if err != nil {
		return nil, fmt.Errorf("write the entry of %s: %w", e.Token, err)
	}
	return data, nil
}

// in are the entries of a stage, the oldest first.
func (l *ledger) in(stage ...string) (out []*entry) {
	for _, e := range l.entries {
		if slices.Contains(stage, e.Stage) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return strings.Compare(a.Token, b.Token) })
	return out
}

// prune lets go of what is over.
func (l *ledger) prune(now time.Time) error {
	for id, e := range l.entries {
		if e.Stage == stageEnded && e.At.Before(now.Add(-keepEntries)) {
			if err := l.dir.remove(id); err != nil {
				return err
			}
			delete(l.entries, id)
		}
	}
	return nil
}
