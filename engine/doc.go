// Package engine decides which rules a fact meets. It takes facts one at a
// time and answers with alerts, can be embedded in any program, and knows
// nothing of hosts, hubs or networks: whoever calls it keeps the alerts.
//
// An Engine holds one set of rules, swapped as a whole; how a fact finds its
// rules is a Matcher's business: by itself an engine looks them up in an index.
// Beside the rules it keeps only what was alerted lately, so that duplicates are
// told as such. Process may run at the same time for facts of different hosts;
// facts of one host belong in order.
//
// It must never lose an evaluation that failed: errors are counted, kept and
// handed to the caller, and a rule that panics is disabled, not the engine. A
// rule that keeps taking too much is switched off, first for the host whose
// facts it fails on, and the caller is told.
package engine
