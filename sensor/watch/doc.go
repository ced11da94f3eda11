// Package watch reads the host. Each collector, one folder each, looks at one
// thing and turns what it sees into facts; this package only knows what a
// collector is, keeps the collectors alive, and tells when one of them cannot
// do its work.
//
// Nothing below this package may hold a key, open an inet socket, run a
// program, evaluate a rule or write to the host. What a collector could not
// see it says in a fact: quiet is never mistaken for blind.
package watch
