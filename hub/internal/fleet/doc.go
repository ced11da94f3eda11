// Package fleet notices what no host can tell by itself, and what no fact of a
// host carries: that nothing is heard of it any more, and that what it sends is
// refused.
//
// This is where silence lives. A host that has nothing to say and a host that
// was switched off look alike in its facts, so the hub keeps time: an enrolled
// host of which nothing was heard for the time allowed becomes a fleet/silent
// fact, which the hub signs itself, and rules alert on that. Time is the hub's
// own monotonic clock; no clock that somebody can set plays a part. When the
// hub starts, every host gets the whole time anew, because a hub that was away
// has heard nobody. That a host is back is noticed where its next batch is
// stored, in hub/internal/store, so that it is in the log with that batch.
//
// The package must never judge by what a host says about time, and never let
// one host's noise fill the log: what is refused is told once a minute a host
// and cause, with a count.
package fleet
