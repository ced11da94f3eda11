// Package process watches the processes of the host by looking through /proc
// again and again: a plain list of numbers when the kernel's counters say that
// something began or ended, and a closer look only at numbers that are new,
// that are young, or whose turn it is.
//
// A look once a second misses processes that live for less than that. The
// package must never pretend otherwise, never mix two processes that had one
// number, never open a path that a process shows but through the kernel's own
// link, and never wait for a process or a file that does not answer.
package process
