// Package login tells who logs in to a host, who is refused, and who leaves:
// the sessions of utmp(5) that are open when the sensor starts, and from then
// on what is appended to wtmp and btmp, and what sshd, login, su and sudo say.
//
// What they say is read from the journal, whose trusted fields tell root's own
// programs from others; without one, from the log that syslogd keeps, where
// everybody on the host can write whatever he likes. login.source says which.
// A session over SSH with a terminal is told twice, by sshd with its method and
// by utmp or wtmp with its terminal. An attempt by an account that does not
// exist is told when it begins, without a method, and once more for each
// method that failed.
//
// The package must never trust a name: whoever knocks chooses it, and it may
// read like the rest of a message. What can be read in two ways is told without
// an address.
package login
