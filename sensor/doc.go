// Package sensor is what runs on a host: collectors that read it, and a sender
// that signs what they saw and brings it to the hub. Here both run in one
// process; they know each other only through watch.Sink.
//
// The package must never run a program, evaluate a rule, or listen on the
// network; and it must never call quiet what it could not see.
package sensor
