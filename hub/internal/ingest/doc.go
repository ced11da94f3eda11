// Package ingest takes batches from sensors: it bounds, authenticates,
// verifies, stores and then acknowledges.
//
// The order is the point. A client is known by the key of its TLS certificate
// before a byte of its body is read; a body is bounded before it is unpacked,
// and unpacked before it is parsed only within a bound; nothing of it is used
// before its signature is checked; and nothing is acknowledged before it is on
// the disk.
//
// The package must never let one host's input cost another host anything: a
// batch that is refused, slow or too large ends with its own request.
package ingest
