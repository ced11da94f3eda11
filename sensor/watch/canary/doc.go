// Package canary watches files that nobody has a reason to touch. inotify
// tells what is done to them, and to the folders that lead to them; who did it
// is looked up in /proc at once, or told by fanotify where the sensor may use
// it.
//
// The files' own events and those of the folders come by two queues, so that a
// flood of files in a folder cannot push out the touch of a canary.
//
// The package must never open a canary or read what is in it, never hold up
// whoever touches it, never name a process of which it has not seen that it
// held the file, and never call a canary watched that is not.
package canary
