// Package action holds what the root actions share: the refusal, the effect and
// the root below which they work. The actions themselves are in the packages
// below this one, a family each. It must never act itself.
package action

// Refusal is why an action is not done. Code is stable and goes onto the
// receipt (kill.identity_mismatch, net.bad_prefix); Detail says what was seen.
type Refusal struct{ Code, Detail string }

func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }
