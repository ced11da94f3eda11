// Package rule holds rule documents: it parses them from YAML, type-checks
// their CEL conditions against the fields of package fact, finds what is wrong
// with them and says so with file, line, column and a suggestion, runs the
// tests that they carry, and evaluates them against one fact at a time.
//
// LoadFS is what most callers want: a folder in, a Set and its Findings out. A
// Set is immutable and safe for concurrent use; Vars belongs to one goroutine.
//
// The package is pure: no clock, no state that outlives a call, no file but
// those of the fs.FS it is given. It is the only one that imports cel-go, and
// no type of cel-go shows in its API. It must never turn an evaluation that
// failed into one that did not match.
package rule
