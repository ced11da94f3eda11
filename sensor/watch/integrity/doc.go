// Package integrity hashes the sensor's own executable at every heartbeat: the
// file that lies at its path now, and the image that runs. It only reports
// what it read; whether that is as it should be, the hub judges.
//
// The package must never answer from memory: every heartbeat reads anew.
package integrity
