// Package metric samples the host's load: processors, memory, disks, file
// systems, networks, pressure. Counters become what was added since the last
// sample; the first sample has none.
//
// The package must never wait for a file system that does not answer, and
// never let a host with ten thousand devices make a fact of ten thousand.
package metric
