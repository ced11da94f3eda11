package ingest

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

// refusal is a fact that does not count, and why.
type refusal struct {
	index  int
	id     string // a fault's, for the counter
	detail string
}

// parseFacts fills in what of a batch counts. A fact that is malformed, or not
// the host's to tell, is refused by itself; the batch's bytes are kept whole.
func parseFacts(b *store.Batch, facts []jsontext.Value, host string) []refusal {
	var refused []refusal
	b.Entries = make([]store.Entry, 0, len(facts))
	for i, raw := range facts {
		f, err := parseFact(raw, host)
		if err != nil {
			refused = append(refused, refusal{i, fault.Of(err).ID, err.Error()})
			b.Refused = append(b.Refused, i)
			b.RefusedWhy = fault.Of(err).ID
			continue
		}
		b.Entries = append(b.Entries, store.Entry{Pos: i, Fact: f, Raw: raw})
	}
	return refused
}

func parseFact(raw []byte, host string) (*fact.Fact, error) {
	f, _, err := fact.Parse(raw) // what a newer sensor adds stays in the bytes
	if err != nil {
		return nil, fault.FactMalformed.With("%v", err)
	}
	if err := f.Validate(); err != nil {
		return nil, invalid(err)
	}
	switch {
	case f.Host.ID != host:
		return nil, fault.FactHostMismatch.With("it names host %q", f.Host.ID)
	case f.Kind == fact.KindFleet || f.Kind == fact.KindIntegrity:
		return nil, fault.FactReserved.With("only the hub makes facts of kind %q", f.Kind)
	case f.Kind == fact.KindReceipt && f.Action() != fact.ReceiptRefused && f.Action() != fact.ReceiptFailed:
		// A sensor may say that an order came to nothing, as where no wrapper
		// runs. That one was carried out is the wrapper's to sign.
		return nil, fault.FactReserved.With("only the hub makes receipts that say %q", f.Action())
	}
	return f, nil
}

// invalid gives a fact that does not hold together the id of what is wrong.
func invalid(err error) error {
	for _, kind := range []error{fact.ErrID, fact.ErrTime, fact.ErrKind, fact.ErrHost, fact.ErrBlock, fact.ErrHash} {
		if errors.Is(err, kind) {
			return fault.As(kind.Error(), 0, err)
		}
	}
	return fault.FactMalformed.With("%v", err)
}

func acked(refused []refusal) []wire.Refused {
	var out []wire.Refused
	for _, r := range refused {
		out = append(out, wire.Refused{Index: r.index, Error: r.detail})
	}
	return out
}
