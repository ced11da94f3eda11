//go:build linux

package canary

import (
	"time"

	"picket.internal/fact"
)

// A canary may be touched a million times a second. The first facts go out one
// by one; after that, like facts gather for a second and go out as one with
// their count, so that a flood costs the host and the hub next to nothing and
// still hides nothing: who does something else, or is somebody else, comes
// through.
const (
	floodRoom  = 3000 // facts of one canary that go out one by one
	floodDrain = 50   // for how many there is room again after a second
	maxGather  = 256  // different facts that gather
)

// likeness is what facts that melt into one have in common.
type likeness struct {
	canary, action, attribution, entity string
	pid                                 int64
}

// floods keeps the measure of every canary's facts.
type floods struct {
	spent  map[string]float64 // by canary
	filled time.Time
	gather map[likeness]*fact.Fact
	order  []likeness
}

func newFloods() floods {
	return floods{spent: make(map[string]float64), filled: time.Now(), gather: make(map[likeness]*fact.Fact)}
}

// pass tells whether the fact, which stands for count events, may go out now.
// If not, it is taken.
func (fl *floods) pass(f *fact.Fact, count int64) bool {
	id := f.Canary.ID
	if fl.spent[id] < floodRoom {
		fl.spent[id]++
		return true
	}
	like := likeness{canary: id, action: f.Canary.Action, attribution: f.Canary.Attribution}
	if f.Process != nil {
		like.entity, like.pid = f.Process.EntityID, f.Process.PID
	}
	if len(fl.gather) >= maxGather { // many processes: then only what was done
		like.entity, like.pid, like.attribution = "", 0, fact.AttributionNone
	}
	had, ok := fl.gather[like]
	if !ok {
		if like.attribution == fact.AttributionNone {
			f.Process, f.User, f.Service = nil, nil, nil
			f.Canary.Attribution = fact.AttributionNone
		}
		f.Canary.Count = count
		fl.gather[like] = f
		fl.order = append(fl.order, like)
		return false
	}
	had.Canary.Count += count
	return false
}

// pouring tells whether facts gather, or have of late.
func (fl *floods) pouring() bool { return len(fl.spent) > 0 || len(fl.order) > 0 }

// flush sends what has gathered; it is called once or twice a second.
func (fl *floods) flush(emit func(*fact.Fact)) {
	now := time.Now()
	drained := now.Sub(fl.filled).Seconds() * floodDrain
	fl.filled = now
	for id, n := range fl.spent {
		if n -= drained; n > 0 {
			fl.spent[id] = n
		} else {
			delete(fl.spent, id)
		}
	}
	for _, like := range fl.order {
		emit(fl.gather[like])
	}
	clear(fl.gather)
	fl.order = nil
}
