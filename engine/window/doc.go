// Package window keeps the state of stateful rules: Sigma's seven correlation
// types, new terms, absence and risk. It takes the events that rules have
// matched and answers with firings; what a rule is, it does not know.
//
// It must never read a clock, do I/O, start a goroutine, or grow with what
// hosts make up: every time comes from the caller, every group of events is
// bounded, and whatever is forgotten before its time is counted.
//
// # Windows
//
// A window is timespan long, by event time, and half open: events exactly a
// timespan apart are never in one window, as they are never in one time bin of
// Sigma's backends. A condition is met by windows with at least one event.
//
// A condition that more events can only make truer (gt and gte on event_count,
// value_count, value_sum and the temporal types) is judged at every event, over
// the sliding windows that end at an event and hold the new one. It fires at the
// event that makes it true. While it stays true, later events are handed back
// as continuations of that firing; it fires anew when an event found it untrue
// in between, or when the window has turned over: a timespan after the firing.
// An event that comes late may complete several windows; the last one counts.
//
// A condition that more events can make untrue (lt, lte, eq, neq, a range, and
// every condition on value_avg and value_percentile) is judged once the window
// is over, or a part would be taken for the whole. These windows lie side by
// side, aligned to the epoch, as the bins of Sigma's backends do. A window is
// over when no event in time can fall into it any more: by the events of its
// group, or by Advance.
//
// temporal counts the different rules of a window, and wants all of them when
// it has no condition. temporal_ordered wants all of them in their order; events
// of equal times are in order, whichever came first, because a clock that cannot
// tell them apart cannot put them out of order either.
//
// # Time
//
// Each group has a clock of its own: the newest event time in it. An event that
// is older than this by more than Lateness is dropped and counted as late; all
// others count wherever they belong, in whatever order they come. The clock of a
// host that runs ahead cannot push out others: an event more than half of
// Lateness after its receipt takes the time of the receipt, and is counted as
// clamped. Between events a group's clock runs on with the hub's, which Advance
// and the receipt of events tell. A group is forgotten when by that clock no
// window can hold what it knows.
//
// # Chains
//
// A correlation of correlations reads Firing.Event, with the group that its own
// group-by gives. Continuations are not events: Sigma's inner query gives one
// row a window. A firing may be as late as the inner spec allows events to be,
// and one of a window that is over comes Lateness after its end; the outer spec
// needs at least the sum of the inner Lateness and its own.
//
// # Bounds
//
// A spec has at most MaxGroups groups and MaxBytes bytes of content. When there
// is no room, the host that holds most gives up the group that it has not
// touched for longest: whoever makes up keys pushes out his own. Within a group
// only what the condition needs is kept.
package window
