package link

import "picket.internal/fact"

// admit takes one fact into the queue, or counts it as lost. The watcher may
// say what it likes about the host, of kinds that this sender does not know
// too, but it cannot speak for the hub or for the programs that act.
func (i *Inlet) admit(raw []byte) {
	f, unknown, err := fact.Parse(raw)
	if err != nil {
		i.refuse("the watching process sent what is no fact", err.Error())
		return
	}
	switch f.Kind {
	case fact.KindReceipt, fact.KindFleet:
		i.refuse("the watching process sent a fact that only others may make", string(f.Kind))
		return
	}
	// The queue fills these in; the check wants them to be there.
	f.ID, f.Host.ID = someID, "h"
	if err := f.Validate(); err != nil {
		i.refuse("the watching process sent a fact that does not hold", err.Error())
		return
	}
	if len(unknown) > 0 {
		// The fact goes on without them.
		i.refuse("the watching process sent fields that this sender does not know", unknown[0])
	}
	i.cfg.Queue.Emit(f)
}

const someID = "00000000000000000000000000"

// refuse counts what was not taken. The detail is the watcher's text and goes
// to the log alone.
func (i *Inlet) refuse(reason, detail string) {
	i.log.Debug(reason, "detail", detail)
	i.cfg.Queue.Lose("link", fact.LossMalformed, reason)
}
