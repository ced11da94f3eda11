package store

import "time"

// Digest is a SHA-256 over a batch's payload.
type Digest [32]byte

// A verdict is what a batch is to the chain of its session.
type verdict int

const (
	accepted  verdict = iota // the next one, or the first
	duplicate                // stored already, byte for byte
	afterGap                 // a later one: those between are missing
	late                     // one that was missing, come after all
	forked                   // it contradicts what the same key signed before
)

// chain is what the store knows of a session around a batch.
type chain struct {
	known bool   // a batch of the session is stored
	last  uint64 // highest number stored
	head  Digest // digest of that one

	// The neighbours matter only at or below last; nil where not stored.
	same   *Digest // digest of the stored batch with this number
	before *Digest // digest of the stored batch one below
	after  *Digest // what the stored batch one above names as its predecessor
}

// judge decides about a batch. The rules are those of threats T5: numbers go up
// by one, each batch names the digest of the one before it, and two different
// batches never share a number. A fork shows either directly or in a neighbour
// that names another predecessor.
func (c chain) judge(seq uint64, prev, digest Digest) verdict {
	switch {
	case !c.known && seq == 1:
		if prev != (Digest{}) {
			return forked // the first has no predecessor
		}
		return accepted
	case !c.known:
		return afterGap
	case seq == c.last+1:
		if prev != c.head {
			return forked
		}
		return accepted
	case seq > c.last:
		return afterGap
	case c.same != nil:
		if *c.same != digest {
			return forked
		}
		return duplicate
	}
	fits := (c.before == nil || *c.before == prev) &&
		(c.after == nil || *c.after == digest) &&
		(seq != 1 || prev == Digest{})
	if !fits {
		return forked
	}
	return late
}

// missing are the numbers between what is stored and a batch after a gap.
func (c chain) missing(seq uint64) (first, last uint64) {
	if !c.known {
		return 1, seq - 1
	}
	return c.last + 1, seq - 1
}

// interleaved tells whether a session that is not the one that sent last, but
// had sent before, shows by a further batch that two machines share one key
// (threat T6): it sent this after the other one began. That keeps a batch that
// was still on its way when a sensor restarted from being taken for a clone.
// Where the clocks of two clones disagree, one of the two sessions still shows
// it.
func interleaved(sent, currentBegan time.Time) bool { return sent.After(currentBegan) }
