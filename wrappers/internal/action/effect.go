package action

// Effect is what was seen after an act, as in "state": "T (stopped)". It holds
// a few short texts and goes into the receipt.
type Effect map[string]string
