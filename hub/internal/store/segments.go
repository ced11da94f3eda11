package store

import (
	"slices"
	"time"

	"picket.internal/fact"
)

// segmentSpan is how far the facts of one segment may lie apart at most. A
// search by time looks this far beyond its bounds; see the migration.
const segmentSpan = time.Minute

// maxKinds bounds the kinds that have an index of their own. A host can invent
// kinds; those beyond the bound are still found by host and time.
const maxKinds = 500

// Entry is a fact of a batch that counts.
type Entry struct {
	// Pos is its place in the batch, from 0.
	Pos int
	// Fact is the fact, parsed.
	Fact *fact.Fact
	// Raw is the fact as signed.
	Raw []byte
}

// segment is a row of the index; see the migration.
type segment struct {
	host, kind int64
	last       int64 // Unix milliseconds
	batch      int64
}

// segmented makes the index rows of a batch. host and kind name facts' subjects
// and kinds by number.
func segmented(entries []Entry, host func(string) (int64, error), kind func(fact.Kind) (int64, error)) ([]segment, error) {
	type group struct{ host, kind int64 }
	times := map[group][]int64{}
	for _, e := range entries {
		h, err := host(e.Fact.Host.ID)
		if err != nil {
			return nil, err
		}
		k, err := kind(e.Fact.Kind)
		if err != nil {
			return nil, err
		}
		g := group{h, k}
		times[g] = append(times[g], millis(e.Fact.Time))
	}
	var out []segment
	for g, ts := range times {
		slices.Sort(ts)
		first := 0
		for i := range ts {
			if i+1 == len(ts) || ts[i+1]-ts[first] > segmentSpan.Milliseconds() {
				out = append(out, segment{host: g.host, kind: g.kind, last: ts[i]})
				first = i + 1
			}
		}
	}
	return out, nil
}
