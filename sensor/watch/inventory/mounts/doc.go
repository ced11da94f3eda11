// Package mounts reads what is mounted, in the mount namespace of the host's
// first process where the sensor may look into that, else in its own.
//
// It must never touch what is mounted: a server or a program behind it may
// never answer.
package mounts
