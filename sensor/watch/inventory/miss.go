package inventory

import "picket.internal/fact"

// Miss notes that something of a kind is missing. What is missing for one
// cause is one gap, with the reason of the first.
func (r *Reading) Miss(of fact.Kind, cause, reason string, count int64) {
	for i := range r.Gaps {
		if g := &r.Gaps[i]; g.Of == of && g.Cause == cause {
			g.Count += count
			return
		}
	}
	r.Gaps = append(r.Gaps, Gap{Of: of, Cause: cause, Reason: reason, Count: count})
}
