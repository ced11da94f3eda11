// Package respond turns alerts into responses and responses into Emergency
// Action Tokens, hands those to the hosts that they are for, and takes the
// receipts.
//
// A policy (package policies) says which alert may lead to which action, and
// how freely. What it does without a person is bounded: by its own limits, by
// bounds over all policies, and by a stop for the whole fleet. What is over a
// bound waits for a person. A rule on trial never leads to anything.
//
// The package holds the key that signs tokens and the one that opens evidence,
// and no operator's. It must never
// sign a token that is not in the log, deliver one that the operators who must
// have signed have not, believe a receipt that the host's wrapper has not
// signed, act because a receipt came, or give out evidence that is not what a
// receipt says, or of which the log would not know who read it.
package respond
