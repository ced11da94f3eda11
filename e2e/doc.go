// Package e2e holds the tests that boot the real programs: a hub and sensors
// as processes of their own, killed, restarted and fed for real, and the
// measurements that `make bench` prints.
//
// They talk to loopback only, bound every load in count and time, and end only
// the processes that they started.
package e2e
