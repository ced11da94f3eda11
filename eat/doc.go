// Package eat holds Emergency Action Tokens and what belongs to them: the
// closed set of actions, receipts, the host's policy and trust store, and the
// decision whether a token may be acted on.
//
// Everything here is a function of its arguments. Hub, sensor, wrapper and
// command line decide alike because they call the same code, and each can be
// tested without a host.
//
// The package must never read a file, a clock or the environment, never act,
// and never hand out a token whose checks did not all pass.
package eat
