// Package proc reads /proc/PID: what one process is, as the kernel tells it.
// A process is opened once, as a folder, and everything is read through that:
// the kernel ties the folder to the process and not to its number, so that
// nothing of another process that got the same number can slip in. Every read
// is bounded, and every parser is a pure function of bytes.
//
// prometheus/procfs reads the same files, but parses all of each with fmt and
// by path; at one look a second at every process that costs more than the
// sensor may, and it brings regexp along. Tests hold the parsers of
// sensor/watch/metric against it.
//
// The package must never touch the file behind a path that a process shows,
// but through the kernel's own link to it.
package proc
