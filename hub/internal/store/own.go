package store

import (
	"fmt"
	"slices"
	"strings"

	"picket.internal/fact"
)

const (
	// maxOwn bounds the files of one heartbeat, as fact.Binary.Files says.
	maxOwn = 64
	// maxOwnKept bounds the files that the hub keeps of one host.
	maxOwnKept = 256
	// maxOwnFindings bounds what one batch can make the hub find in them.
	maxOwnFindings = 64
)

// ownState is a file of Picket's own at one moment: hash, mode, owner, group
// and error, with newlines between. Empty means that it is not there.
type ownState string

func ownStateOf(f *fact.OwnFile) ownState {
	parts := []string{hashOf(f.Hash), f.Mode, f.UID, f.GID, f.Error}
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(p[:min(len(p), 128)], "\n", " ")
	}
	return ownState(strings.ToValidUTF8(strings.Join(parts, "\n"), "\uFFFD"))
}

// part is one of hash (0), mode, owner, group and error (4).
func (s ownState) part(i int) string {
	if parts := strings.Split(string(s), "\n"); i < len(parts) {
		return parts[i]
	}
	return ""
}

func (s ownState) hash() *fact.Hash {
	if h := s.part(0); h != "" {
		return &fact.Hash{SHA256: h}
	}
	return nil
}

// ownPin is a file of Picket's own as the hub holds it.
type ownPin struct {
	role           string
	expected, seen ownState
}

// ownPins are a host's, by path.
type ownPins map[string]ownPin

// observe takes the files of a heartbeat and returns what they lead to: a
// finding when a file stops being as expected, when it becomes otherwise wrong,
// and when it is right again, and none in between. The first files ever listed
// are the expected ones; from then on one that is gone is a finding, and so is
// one that was not there.
func (p ownPins) observe(files []fact.OwnFile) (found []*fact.Integrity, changed []string) {
	first := len(p) == 0
	listed := make(map[string]bool)
	for i := range files[:min(len(files), maxOwn)] {
		f := &files[i]
		pin, known := p[f.Path]
		if listed[f.Path] || f.Path == "" || (!known && len(p) >= maxOwnKept) {
			continue
		}
		listed[f.Path] = true
		now := ownStateOf(f)
		if !known {
			pin.role = f.Role[:min(len(f.Role), 32)]
		}
		if first {
			pin.expected, pin.seen = now, now
			p[f.Path], changed = pin, append(changed, f.Path)
			continue
		}
		found, changed = p.note(f.Path, pin, now, found, changed)
	}
	for path, pin := range p {
		if !listed[path] {
			found, changed = p.note(path, pin, "", found, changed)
		}
	}
	slices.SortStableFunc(found, func(a, b *fact.Integrity) int { return strings.Compare(a.Path, b.Path) })
	return found, changed
}

// note compares a file with what was last seen of it.
func (p ownPins) note(path string, pin ownPin, now ownState, found []*fact.Integrity, changed []string) ([]*fact.Integrity, []string) {
	if now == pin.seen {
		return found, changed
	}
	pin.seen = now
	unread := pin.expected.unread()
	if unread && now.hash() != nil {
		pin.expected = now // the sensor may now read what it could only name
	}
	p[path] = pin
	changed = append(changed, path)
	if unread {
		return found, changed
	}
	f := &fact.Integrity{Action: fact.IntegrityMismatch, Subject: pin.role, Path: path,
		Expected: pin.expected.hash(), Observed: now.hash(), Detail: pin.expected.differs(now), Error: now.part(4)}
	if now == pin.expected {
		f.Action = fact.IntegrityRestored
	}
	return append(found, f), changed
}

// unread tells whether the sensor could not tell what the file is, or whether
// there is one.
func (s ownState) unread() bool {
	return slices.Contains([]string{"EACCES", "EPERM", "the file does not answer"}, s.part(4))
}

// differs says in words what but the content is not as expected.
func (s ownState) differs(now ownState) string {
	switch {
	case s == now:
		return ""
	case now == "":
		return "the file is gone"
	case s == "":
		return "the file was not there"
	case now.hash() == nil:
		return ""
	}
	var words []string
	for i, name := range []string{"mode", "owner", "group"} {
		if was, is := s.part(i+1), now.part(i+1); was != is {
			words = append(words, fmt.Sprintf("%s %s, was %s", name, is, was))
		}
	}
	return strings.Join(words, "; ")
}

// checkOwnFiles holds the files that Picket consists of to the pinned ones.
func (a *appending) checkOwnFiles(v verdict) error {
	var pins ownPins
	emitted := 0
	for _, e := range a.b.Entries {
		if e.Fact.Kind != fact.KindBinary || e.Fact.Binary == nil || v == late {
			continue
		}
		if pins == nil {
			var err error
			if pins, err = a.loadOwn(); err != nil {
				return err
			}
		}
		found, changed := pins.observe(e.Fact.Binary.Files)
		for _, f := range found {
			if emitted++; emitted > maxOwnFindings {
				break
			}
			a.tx.Emit(&fact.Fact{Kind: fact.KindIntegrity, Host: a.subject(), Integrity: f})
		}
		if err := a.storeOwn(pins, changed); err != nil {
			return err
		}
	}
	return nil
}

func (a *appending) loadOwn() (ownPins, error) {
	st, err := a.tx.stmt(`SELECT path, role, expected, seen FROM own_files WHERE host = ?`)
	if err != nil {
		return nil, err
	}
	rows, err := st.Query(a.host.n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	pins := make(ownPins)
	for rows.Next() {
		var path string
		var pin ownPin
		if err := rows.Scan(&path, &pin.role, &pin.expected, &pin.seen); err != nil {
			return nil, err
		}
		pins[path] = pin
	}
	return pins, rows.Err()
}

// storeOwn writes the pins of the changed paths. One that should not be there,
// and is not, needs none.
func (a *appending) storeOwn(pins ownPins, changed []string) error {
	for _, path := range changed {
		pin := pins[path]
		if pin.expected == "" && pin.seen == "" {
			delete(pins, path)
			if err := a.tx.exec(`DELETE FROM own_files WHERE host = ? AND path = ?`, a.host.n, path); err != nil {
				return err
			}
			continue
		}
		err := a.tx.exec(`INSERT INTO own_files (host, path, role, expected, seen) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (host, path) DO UPDATE SET expected = excluded.expected, seen = excluded.seen`,
			a.host.n, path, pin.role, string(pin.expected), string(pin.seen))
		if err != nil {
			return err
		}
	}
	return nil
}
