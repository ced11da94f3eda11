package action

// Effect is what was seen after an act, for the receipt. It is short: a few
// names, each with one line.
type Effect map[string]string
