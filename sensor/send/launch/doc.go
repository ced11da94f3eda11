// Package launch is the one place where the sensor starts another program: the
// wrapper that acts as root, which is handed a delivery and hands back
// receipts, and, for the installer, what belongs to the operating system.
//
// A program is named by its absolute path, gets no environment but what is
// said here, and what it prints and how long it may take are bounded. No shell,
// no search in PATH.
//
// The package must never take a path or an argument from the hub, never judge a
// token, and never hold back what a wrapper has printed.
package launch
