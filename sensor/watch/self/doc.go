// Package self tells of the sensor itself: that it began, that it lives and
// what it watches, what it takes of the host, and that the host's clock was
// set.
//
// It must never tell of health that it did not look at: a heartbeat carries
// what is watched at that moment.
package self
