package queue

import "time"

// makeRoom evicts until a newcomer fits, and tells whether it does. It evicts
// nothing for a newcomer that would not fit all the same.
func (q *Queue) makeRoom(in *item, now time.Time) bool {
	if in.class == critical {
		return q.roomForCritical(in, now)
	}
	if !q.couldFit(in) {
		return false
	}
	for c := metric; !q.fits(in); {
		if q.lanes[c].len() == 0 {
			c++
			continue
		}
		q.evictOldest(c, now)
	}
	return true
}

// roomForCritical makes room for a critical fact, at the cost of everything
// else first and of the largest group of critical facts in the end.
func (q *Queue) roomForCritical(in *item, now time.Time) bool {
	if len(in.raw) > q.limits.Bytes {
		return false
	}
	for c := metric; c < critical; c++ {
		for q.lanes[c].len() > 0 && !q.fits(in) {
			q.evictOldest(c, now)
		}
	}
	lane := &q.lanes[critical]
	for !q.fits(in) {
		name, n := lane.largestGroup()
		if lane.groups[in.group] >= n {
			return false // the newcomer is of the largest group itself
		}
		lane.popNewest(name)
		q.lose(critical, q.cfg.Cause, "", now)
	}
	return true
}

// fits tells whether a newcomer keeps every bound.
func (q *Queue) fits(in *item) bool {
	facts, bytes := q.size()
	facts, bytes = facts+1, bytes+len(in.raw)
	if facts > q.limits.Facts || bytes > q.limits.Bytes {
		return false
	}
	if in.class == critical {
		return true
	}
	facts -= q.lanes[critical].len()
	bytes -= q.lanes[critical].bytes
	return facts <= q.limits.Facts-q.limits.ReservedFacts && bytes <= q.limits.Bytes-q.limits.ReservedBytes
}

// couldFit tells whether an ordinary newcomer would fit if everything that it
// may push out were gone.
func (q *Queue) couldFit(in *item) bool {
	facts, bytes := 1, len(in.raw)
	for c := in.class + 1; c < critical; c++ {
		facts += q.lanes[c].len()
		bytes += q.lanes[c].bytes
	}
	if facts > q.limits.Facts-q.limits.ReservedFacts || bytes > q.limits.Bytes-q.limits.ReservedBytes {
		return false
	}
	return facts+q.lanes[critical].len() <= q.limits.Facts && bytes+q.lanes[critical].bytes <= q.limits.Bytes
}

// evictOldest loses the oldest fact of a class.
func (q *Queue) evictOldest(c class, now time.Time) {
	q.lanes[c].pop()
	q.lose(c, q.cfg.Cause, "", now)
}
