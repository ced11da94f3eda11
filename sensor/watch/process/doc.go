// Package process watches the processes of the host. Where the kernel lets it,
// it is told of each that begins, executes, changes its user or ends, as that
// happens, and reads it at once. Beneath that, and where the kernel tells
// nothing all there is, it looks through /proc again and again: a plain list of
// numbers when the kernel's counters say that something began or ended, and a
// closer look only at numbers that are new, that are young, or whose turn it is.
//
// Processes can begin faster than anybody can read them. Those that are over
// before their turn comes are counted, with what made most of them. Looks alone
// miss processes that live for less than the time between two. The package
// must never pretend otherwise, never take the kernel's silence for quiet,
// never mix two processes that had one number, never open a path that a process
// shows but through the kernel's own link or as the process itself would find
// it, and never wait for a process or a file that does not answer.
package process
