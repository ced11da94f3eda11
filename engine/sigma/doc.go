// Package sigma turns Sigma rules (version 2 of the specification: detections,
// correlations and filters) into rule documents.
//
// Convert is what callers want: Sigma files in, an Output for each out. What an
// Output holds was loaded by package rule, lints without an error, and passes
// the tests that were generated for it.
//
// The package must never change a rule's meaning. What has no faithful meaning
// for facts is refused, with the part and the reason; a file of which one part
// is refused gives nothing. It is pure: no clock, no file, no state that
// outlives a call. Its input is hostile: size, depth and what values expand to
// are bounded.
package sigma
