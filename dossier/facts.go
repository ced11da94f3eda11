package dossier

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/wire"
)

// signer is a key of a host and whether something binds the two.
type signer struct {
	api.DossierSigner
	key   envelope.PublicKey
	bound bool
}

type batchID struct {
	host, session string
	seq           uint64
}

type batch struct {
	*wire.Opened
	received time.Time
	bound    bool
}

type placed struct {
	fact     *fact.Fact
	received time.Time
}

// signers finds out what binds each key to its host.
func (c *checker) signers() {
	for _, s := range c.d.Signers {
		var key envelope.PublicKey
		if err := key.UnmarshalText([]byte(s.Key)); err != nil {
			c.say(False, s.Role+" key", "of %.80s: %v", s.Host, err)
			continue
		}
		one := signer{DossierSigner: s, key: key}
		switch s.Role {
		case api.DossierHost:
			one.bound = c.binds(s, key, c.keys.Hosts, "host.enrolling", "enrolled")
		case api.DossierHub:
			one.bound = c.binds(s, key, c.keys.Hosts, "", "")
		case api.DossierWrapper:
			one.bound = c.binds(s, key, c.keys.Wrappers, eat.EventWrapperKey, "was told")
		default:
			c.say(False, "signer", "a role %.80q", s.Role)
			continue
		}
		if s.Role == api.DossierWrapper {
			c.wrapper = append(c.wrapper, one)
		} else {
			c.hosts = append(c.hosts, one)
		}
	}
}

// binds says whether a key is that of a host: because it was given, or because
// the log has recorded it.
func (c *checker) binds(s api.DossierSigner, key envelope.PublicKey, given []envelope.PublicKey, event, word string) bool {
	claim, flag := s.Role+" key", "--host-key"
	if s.Role == api.DossierWrapper {
		flag = "--wrapper-key"
	}
	if slices.Contains(given, key) {
		c.say(OK, claim, "%s of %s is as it was given", key.ID(), s.Host)
		return true
	}
	if len(given) > 0 && s.Role != api.DossierHub {
		c.say(False, claim, "%s of %s is none of those that were given with %s", key.ID(), s.Host, flag)
		return false
	}
	if event == "" {
		c.say(NotShown, claim, "the hub signs with %s, which is in no trust store; %s KEY says that it is the hub's", key.ID(), flag)
		return false
	}
	logged := c.changes(event, s.Host)
	if len(logged) == 0 {
		c.say(NotShown, claim, "nothing in the log binds %s to %.80s; %s KEY says that it does", key.ID(), s.Host, flag)
		return false
	}
	for _, one := range logged {
		if one.Detail["key"] == key.ID() {
			c.say(OK, claim, "%s %s as that of %s at %s, says the log", key.ID(), word, s.Host, one.At.UTC().Format(time.RFC3339))
			return true
		}
	}
	c.say(False, claim, "%s is not the key that the log has of %s", key.ID(), s.Host)
	return false
}

// openBatches verifies the signature of each batch.
func (c *checker) openBatches() {
	good := 0
	for i := range c.d.Batches {
		b := &c.d.Batches[i]
		at := slices.IndexFunc(c.hosts, func(s signer) bool { return s.Host == b.Host })
		if at < 0 {
			c.say(False, "batch", "number %d of the dossier is signed by %.80q, of whom there is no key", i+1, b.Host)
			continue
		}
		opened, err := wire.Open(b.Envelope, c.hosts[at].key)
		switch {
		case err != nil:
			c.say(False, "batch", "number %d of the dossier: %v", i+1, err)
		case opened.Host != b.Host || opened.Hub != c.keys.Trust.Hub:
			c.say(False, "batch", "number %d of the dossier was signed as %s for the hub %s", i+1, opened.Host, opened.Hub)
		default:
			id := batchID{opened.Host, opened.Session, opened.Seq}
			if c.batches[id] != nil {
				c.say(False, "batch", "there are two of number %d of session %s", id.seq, id.session)
				continue
			}
			c.batches[id] = &batch{opened, b.Received, c.hosts[at].bound}
			good++
		}
	}
	if good > 0 && good == len(c.d.Batches) {
		c.say(OK, "signatures", "%d of %d batches verify, by %s", good, len(c.d.Batches), plural(len(c.hosts), "key"))
	}
}

// chain holds each batch to the one before it.
func (c *checker) chain() {
	ids := make([]batchID, 0, len(c.batches))
	for id := range c.batches {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b batchID) int {
		return cmp.Or(strings.Compare(a.host, b.host), strings.Compare(a.session, b.session), cmp.Compare(a.seq, b.seq))
	})
	linked := 0
	for i := 1; i < len(ids); i++ {
		before, id := ids[i-1], ids[i]
		switch {
		case before.host != id.host || before.session != id.session:
		case id.seq == before.seq+1:
			if c.batches[id].Prev != c.batches[before].Digest {
				c.say(False, "chain", "batch %d of session %s does not follow batch %d", id.seq, id.session, before.seq)
				continue
			}
			linked++
		case slices.Contains(c.d.Gaps, api.DossierGap{Session: id.session, After: before.seq, Before: id.seq}):
			c.say(NotShown, "chain", "the batches between %d and %d of session %s are left out", before.seq, id.seq, id.session)
		default:
			c.say(False, "chain", "batches %d to %d of session %s are missing", before.seq+1, id.seq-1, id.session)
		}
	}
	if linked > 0 {
		c.say(OK, "chain", "%s from a batch to the one before", plural(linked, "link"))
	}
}

// facts holds the alert's facts to the batches.
func (c *checker) facts() {
	a := &c.d.Alert
	var list []*placed
	var raws [][]byte
	bound, whole := true, true
	for _, at := range c.d.Facts {
		b := c.batches[batchID{at.Host, at.Session, at.Seq}]
		if b == nil {
			c.say(False, "facts", "batch %d of session %.80s, which holds a fact, is not there or does not verify", at.Seq, at.Session)
			whole = false
			continue
		}
		if at.Pos < 0 || at.Pos >= len(b.Facts) {
			c.say(False, "facts", "batch %d of session %s has no fact %d", at.Seq, at.Session, at.Pos)
			whole = false
			continue
		}
		f, _, err := fact.Parse(b.Facts[at.Pos])
		switch {
		case err != nil:
			c.say(NotShown, "facts", "fact %d of batch %d does not parse here: %v", at.Pos, at.Seq, err)
			whole = false
			continue
		case f.Host.ID != b.Host && b.Host != c.hubHost():
			c.say(False, "facts", "%s signed a fact about %s", b.Host, f.Host.ID)
			whole = false
			continue
		}
		bound = bound && b.bound
		raws = append(raws, b.Facts[at.Pos])
		if at.Raised {
			list = append(list, &placed{f, b.received})
		}
	}
	for i, raw := range a.Facts {
		at := slices.IndexFunc(raws, func(r []byte) bool { return bytes.Equal(r, raw) })
		if at < 0 {
			c.say(False, "facts", "fact %d of the alert is in none of the batches, as it stands there", i+1)
			whole = false
			continue
		}
		if f, _, err := fact.Parse(raw); err == nil && f.Host.ID != a.Host.ID {
			c.say(False, "facts", "the alert is about %s, and its fact about %s", a.Host.ID, f.Host.ID)
			whole = false
		}
	}
	c.raised = list
	switch {
	case len(a.Facts) == 0 && len(raws) == 0:
		c.say(NotShown, "facts", "none raised the alert: that something did not happen cannot be shown")
	case whole && bound:
		c.say(OK, "facts", "%s as signed", plural(len(raws), "fact"))
	case whole:
		c.say(NotShown, "facts", "%s as signed, by a key that is not shown to be the host's", plural(len(raws), "fact"))
	}
}

func (c *checker) hubHost() string { return "h_" + strings.TrimPrefix(c.keys.Trust.Hub, "u_") }
