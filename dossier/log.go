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
	tree, err := eat.OpenCheckpoint([]byte(c.d.Checkpoint), c.keys.Trust.Log)
	if err != nil {
		c.say(False, "log", "the checkpoint is not the log's: %v", err)
		return
	}
	for i := range c.d.Records {
		r, reason := openRecord(tree, &c.d.Records[i])
		if reason != "" {
			c.say(False, "log", "record %d: %s", c.d.Records[i].Index, reason)
			continue
		}
		key := r.entry.Type + " " + r.entry.ID
		c.records[key] = append(c.records[key], r)
	}
	if n := len(c.d.Records); n > 0 && Holds(c.claims) {
		c.say(OK, "log", "%s in the log of %d, which its key has signed", plural(n, "record"), tree.N)
	}
}

func openRecord(tree tlog.Tree, r *api.DossierRecord) (_ record, reason string) {
	entry, err := eat.ParseEntry([]byte(r.Record))
	if err != nil {
		return record{}, err.Error()
	}
	var proof tlog.RecordProof
	for _, h := range r.Proof {
		if len(h) != tlog.HashSize {
			return record{}, "a hash of the proof is malformed"
		}
		proof = append(proof, tlog.Hash(h))
	}
	if err := eat.Contains(tree, entry, r.Index, proof); err != nil {
		return record{}, err.Error()
	}
	if sum := sha256.Sum256(r.Document); hex.EncodeToString(sum[:]) != entry.SHA256 {
		return record{}, "the document is another than was logged"
	}
	return record{r.Index, entry, r.Document}, ""
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
