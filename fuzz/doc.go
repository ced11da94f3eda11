// Package fuzz holds the fuzz targets of every trust boundary. Each states a
// property first — what is accepted re-encodes to the same bytes, and on an
// error nothing is handed out — and hunts for crashes only by the way.
//
// It has no code of its own: everything is in test files, and their corpora are
// in testdata/fuzz, one folder a target.
package fuzz
