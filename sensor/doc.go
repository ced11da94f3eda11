// Package sensor is what runs on a host: collectors that read it, and a sender
// that signs what they saw and brings it to the hub. Run has both in one
// process; RunWatch and RunSend are two, which meet over the socket of package
// link. They know each other only through watch.Sink and watch.Obeyer.
//
// The package must never run a program other than the wrapper, which only
// sensor/send/launch does, never evaluate a rule, or listen on the
// network; and it must never call quiet what it could not see.
package sensor
