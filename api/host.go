package api

import "time"

// What a host is to the hub.
const (
	HostEnrolled = "enrolled" // its facts are accepted
	HostPending  = "pending"  // it waits for a person's approval; nothing is accepted
	HostDisabled = "disabled" // a person has shut it out
	HostSuspect  = "suspect"  // its facts are accepted, but it has contradicted itself
)

// Host is a machine that the hub knows.
type Host struct {
	// ID is the identifier that the hub gave it, "h_" and 26 characters.
	ID string `json:"id"`
	// Name is what the machine calls itself. Host-made text.
	Name string `json:"name"`
	// State is enrolled, pending, disabled or suspect.
	State string `json:"state"`
	// Enrolled is when it asked to be enrolled, by the hub's clock.
	Enrolled time.Time `json:"enrolled"`
	// LastSeen is when the hub last accepted something from it, by the hub's clock; absent before the first time.
	LastSeen time.Time `json:"last_seen,omitzero"`
	// Silent is true where nothing has been heard for longer than the hub allows.
	Silent bool `json:"silent"`
	// Sensor is the sensor as it last reported itself.
	Sensor HostSensor `json:"sensor"`
	// PinnedSHA256 is the sensor's hash that the hub holds it to, 64 hexadecimal digits; absent before the first report.
	PinnedSHA256 string `json:"pinned_sha256,omitempty"`
	// Attestation is what its wrapper last said of the sensor; nil where it was never asked.
	Attestation *Attestation `json:"attestation,omitempty"`
	// Log is what its wrapper last signed to have seen of the hub's log; nil where it never has.
	Log *HostLog `json:"log,omitempty"`
	// Kernel is the kernel's release. Host-made text.
	Kernel string `json:"kernel,omitempty"`
	// Facts is how many facts of it are stored.
	Facts int64 `json:"facts"`
	// Alerts is how many alerts are about it.
	Alerts int64 `json:"alerts"`
	// Dropped is how many facts it says it has lost before they were sent.
	Dropped int64 `json:"dropped"`
	// Machine is the first digits of the digest of its machine id: the same machine enrolled twice shows it twice.
	Machine string `json:"machine,omitempty"`
}

// HostSensor is a host's sensor as it last reported itself.
type HostSensor struct {
	// Version is what it says it is. Host-made text.
	Version string `json:"version,omitempty"`
	// SHA256 is the hash of its executable, 64 hexadecimal digits.
	SHA256 string `json:"sha256,omitempty"`
}

// How what a host has seen of the hub's log stands to the log as it is here.
const (
	LogSame     = "same"     // it is the beginning of the log
	LogFork     = "fork"     // the log's key has signed another log of that size
	LogRollback = "rollback" // there are fewer records than it has seen
)

// HostLog is what a host's wrapper last signed to have seen of the hub's log.
type HostLog struct {
	// Records is how many records that were.
	Records int64 `json:"records"`
	// Verdict is same, fork or rollback; absent where the wrapper is an older one, which tells no more than the number.
	Verdict string `json:"verdict,omitempty"`
	// Checkpoint is the signed note; absent likewise.
	Checkpoint string `json:"checkpoint,omitempty"`
}

// HostState is the answer to disable, enable and approve.
type HostState struct {
	// ID is the host.
	ID string `json:"id"`
	// State is what it is now.
	State string `json:"state"`
}
