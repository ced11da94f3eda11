package api

import "time"

// PathHostKinds tells which kinds of facts hosts send.
const PathHostKinds = Prefix + "/host-kinds"

// HostKind is a kind of fact that a host has sent.
type HostKind struct {
	// HostID is the host.
	HostID string `json:"host_id"`
	// Kind is the kind of fact.
	Kind string `json:"kind"`
	// Last is the time of the newest of them that is kept, by the host's clock.
	Last time.Time `json:"last"`
}
