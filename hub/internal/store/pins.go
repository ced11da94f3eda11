package store

import (
	"picket.internal/fact"
)

// unhashed stands for a hash that the host could not give.
const unhashed = "error"

// pin is the sensor's own hash as the hub holds it: the one seen first, and
// what was seen last on the disk and in memory.
type pin struct {
	expected      string
	disk, running string
}

// observe takes a heartbeat of the sensor's executable and returns the findings
// that it leads to: one when a hash stops being the expected one, one when it
// becomes another wrong one, one when it is right again, and none in between.
// The first hash ever seen is the expected one; the running image comes before
// the file, which may have been replaced already.
func (p pin) observe(b *fact.Binary) (pin, []*fact.Integrity) {
	disk, running := hashOf(b.Hash), ""
	if b.Running != nil {
		running = hashOf(b.Running.Hash)
	}
	if p.expected == "" {
		p.expected = firstOf(running, disk)
	}
	if p.expected == "" {
		return p, nil // nothing was hashed yet, so there is nothing to hold it to
	}
	if disk == "" && (b.Error != "" || running != "") {
		disk = unhashed
	}
	var found []*fact.Integrity
	found = appendFinding(found, fact.SubjectDisk, p.expected, &p.disk, disk, b)
	found = appendFinding(found, fact.SubjectRunning, p.expected, &p.running, running, b)
	return p, found
}

// appendFinding compares one subject with what was last seen of it.
func appendFinding(found []*fact.Integrity, subject, expected string, seen *string, now string, b *fact.Binary) []*fact.Integrity {
	before := *seen
	if now == "" || now == before {
		return found // nothing was said, or nothing new
	}
	*seen = now
	f := &fact.Integrity{Subject: subject, Path: b.Path, Expected: &fact.Hash{SHA256: expected}}
	switch {
	case now == unhashed:
		f.Action, f.Error = fact.IntegrityMismatch, b.Error
	case now != expected:
		f.Action, f.Observed = fact.IntegrityMismatch, &fact.Hash{SHA256: now}
	case before == "":
		return found // as expected from the start
	default:
		f.Action, f.Observed = fact.IntegrityRestored, &fact.Hash{SHA256: now}
	}
	return append(found, f)
}

func hashOf(h *fact.Hash) string {
	if h == nil {
		return ""
	}
	return h.SHA256
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
