package dossier

import (
	"crypto/sha256"
	"encoding/hex"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/strictjson"
)

// record is a record that the log is shown to hold.
type record struct {
	index int64
	entry eat.Entry
	doc   []byte
}

var documentLimits = strictjson.Limits{Bytes: 64 << 10}

// log verifies the checkpoint and every record.
func (c *checker) log() {
	var err error
	if c.tree, err = eat.OpenCheckpoint([]byte(c.d.Checkpoint), c.keys.Trust.Log); err != nil {
		c.say(False, "log", "the checkpoint is not the log's: %v", err)
		return
	}
	for i := range c.d.Records {
		r, reason := openRecord(c.tree, &c.d.Records[i])
		if reason != "" {
			c.say(False, "log", "record %d: %s", c.d.Records[i].Index, reason)
			continue
		}
		key := r.entry.Type + " " + r.entry.ID
		c.records[key] = append(c.records[key], r)
	}
	if n := len(c.d.Records); n > 0 && Holds(c.claims) {
		c.say(OK, "log", "%s in the log of %d, which its key has signed", plural(n, "record"), c.tree.N)
	}
}

func openRecord(tree tlog.Tree, r *api.DossierRecord) (_ record, reason string) {
	entry, err := eat.ParseEntry([]byte(r.Record))
	if err != nil {
		return record{}, err.Error()
	}
	proof, ok := hashes(r.Proof)
	if !ok {
		return record{}, "a hash of the proof is malformed"
	}
	if err := eat.Contains(tree, entry, r.Index, proof); err != nil {
		return record{}, err.Error()
	}
	if sum := sha256.Sum256(r.Document); hex.EncodeToString(sum[:]) != entry.SHA256 {
		return record{}, "the document is another than was logged"
	}
	return record{r.Index, entry, r.Document}, ""
}

func hashes(proof [][]byte) (out []tlog.Hash, ok bool) {
	for _, h := range proof {
		if len(h) != tlog.HashSize {
			return nil, false
		}
		out = append(out, tlog.Hash(h))
	}
	return out, true
}

// seen holds what a receipt's host had seen of the log to the checkpoint: two
// histories that the log's key has signed show here.
func (c *checker) seen(r *eat.Receipt) {
	seen, note, err := r.Seen(c.logKeys()...)
	switch {
	case err != nil:
		c.say(False, "log seen", "receipt %d: %v", r.Seq, err)
		return
	case note == nil:
		c.say(NotShown, "log seen", "receipt %d does not say which log %s had seen; an older wrapper made it", r.Seq, r.Host)
		return
	case c.tree.N == 0:
		c.say(NotShown, "log seen", "receipt %d: there is no checkpoint to hold it to", r.Seq)
		return
	}
	proof, ok := []tlog.Hash(nil), seen.N >= c.tree.N
	for _, p := range c.d.Consistency {
		if p.Records == seen.N {
			proof, ok = hashes(p.Proof)
			break
		}
	}
	if !ok {
		c.say(False, "log seen", "receipt %d: there is no proof, in its form, that the log extends the one of %d records", r.Seq, seen.N)
		return
	}
	if err := eat.Extends(c.tree, seen, proof); err != nil {
		c.say(False, "log seen", "receipt %d: %v", r.Seq, err)
		return
	}
	c.say(OK, "log seen", "receipt %d: the log extends the one of %s that %s had seen, and its key has signed both", r.Seq, plural(int(seen.N), "record"), r.Host)
}

// find are the records of a type and id that the log is shown to hold.
func (c *checker) find(kind, id string) []record { return c.records[kind+" "+id] }

// changes are the changes of an event and subject.
func (c *checker) changes(event, subject string) (out []eat.LogChange) {
	id := event
	if subject != "" {
		id += "/" + subject
	}
	for _, r := range c.find(eat.EntryConfig, id) {
		var one eat.LogChange
		if err := strictjson.Decode(r.doc, documentLimits, &one, func(string) {}); err == nil && one.Event == event && one.Subject == subject {
			out = append(out, one)
		}
	}
	return out
}
