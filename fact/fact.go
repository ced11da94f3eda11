// Package fact is the vocabulary of Picket: every observation a host can make,
// with its fields, types and meaning, and the one canonical way to write it
// down. Sensor, hub, rules and people all speak it.
//
// A fact is one observation, small and flat enough to read: an id, a time, a
// kind, the host, and a block named after the kind, plus the blocks it needs
// (process, file, user). Field names are those of the Elastic Common Schema
// wherever ECS has one.
//
// The Go types are the only source: the JSON Schema (schema.json), the field
// table (fields_gen.go) and the reference in docs/fields.md are generated from
// them, comments included, and a test fails when they drift.
//
// The package must never read a host, keep state, or import anything of
// Picket's but strictjson.
package fact

import "time"

//go:generate go run ./gen

// Kind names what a fact is about; the block of the same name carries the
// particulars.
type Kind string

// The kinds of facts. A hub stores and passes on kinds that it does not know.
const (
	KindProcess   Kind = "process"   // a process started, executed, ended or was seen
	KindCanary    Kind = "canary"    // a canary file was touched
	KindBinary    Kind = "binary"    // the sensor's own executable, hashed anew
	KindIntegrity Kind = "integrity" // a hash is not, or is again, the expected one
	KindPackage   Kind = "package"   // an installed package
	KindService   Kind = "service"   // a unit of the service manager
	KindListener  Kind = "listener"  // a socket that waits for peers
	KindUser      Kind = "user"      // an account
	KindGroup     Kind = "group"     // a group of accounts
	KindSSHKey    Kind = "ssh_key"   // an authorized key or a host key, by fingerprint
	KindMount     Kind = "mount"     // a mounted filesystem
	KindModule    Kind = "module"    // a kernel module
	KindSchedule  Kind = "schedule"  // a cron entry or a timer
	KindSudoers   Kind = "sudoers"   // an entry of the sudoers policy
	KindFile      Kind = "file"      // a file that is watched for change
	KindLogin     Kind = "login"     // a session that began, ended or was refused
	KindSnapshot  Kind = "snapshot"  // count and digest of an inventory
	KindMetric    Kind = "metric"    // a sample of the host's load
	KindSensor    Kind = "sensor"    // the sensor's own health
	KindReceipt   Kind = "receipt"   // what became of an Emergency Action Token
	KindFleet     Kind = "fleet"     // what the hub itself noticed about a host
)

// Fact is one observation of one host.
type Fact struct {
	// ID identifies the fact: a ULID, 26 characters of Crockford base32, made by the sensor.
	ID string `json:"id"`
	// Time is when it happened by the host's clock, UTC, to the nanosecond. Source: clock_gettime(2) CLOCK_REALTIME.
	Time time.Time `json:"time"`
	// Kind names what the fact is about and which block carries the particulars.
	Kind Kind `json:"kind"`
	// Seq counts the facts of one sensor session from 1, also those that were lost on the way. Unit: facts.
	Seq uint64 `json:"seq,omitempty"`
	// Host is the host that the fact is about.
	Host Host `json:"host"`

	// Process is the process observed, or the one that did what was observed.
	Process *Process `json:"process,omitempty"`
	// File is the file observed.
	File *File `json:"file,omitempty"`
	// User is the account observed, or the one that did what was observed.
	User *User `json:"user,omitempty"`
	// Service is the unit observed, or the one that the process belongs to.
	Service *Service `json:"service,omitempty"`

	// Canary tells what was done to a canary.
	Canary *Canary `json:"canary,omitempty"`
	// Binary is the sensor's own executable.
	Binary *Binary `json:"binary,omitempty"`
	// Integrity compares an expected hash with the observed one.
	Integrity *Integrity `json:"integrity,omitempty"`
	// Package is an installed package.
	Package *Package `json:"package,omitempty"`
	// Listener is a socket that waits for peers.
	Listener *Listener `json:"listener,omitempty"`
	// Group is a group of accounts.
	Group *Group `json:"group,omitempty"`
	// SSHKey is an SSH public key, by fingerprint only.
	SSHKey *SSHKey `json:"ssh_key,omitempty"`
	// Mount is a mounted filesystem.
	Mount *Mount `json:"mount,omitempty"`
	// Module is a kernel module.
	Module *Module `json:"module,omitempty"`
	// Schedule is a cron entry or a timer.
	Schedule *Schedule `json:"schedule,omitempty"`
	// Sudoers is an entry of the sudoers policy.
	Sudoers *Sudoers `json:"sudoers,omitempty"`
	// Login is a session of a person or a program.
	Login *Login `json:"login,omitempty"`
	// Snapshot sums up an inventory.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	// Metric is a sample of the host's load.
	Metric *Metric `json:"metric,omitempty"`
	// Sensor is the sensor's own health.
	Sensor *Sensor `json:"sensor,omitempty"`
	// Receipt tells what became of an Emergency Action Token.
	Receipt *Receipt `json:"receipt,omitempty"`
	// Fleet is what the hub itself noticed about the host.
	Fleet *Fleet `json:"fleet,omitempty"`
}

// Host is the machine that a fact is about.
type Host struct {
	// ID is the identifier that the hub gave the host at enrollment.
	ID string `json:"id"`
	// Name is the host name; the hub fills it in for rules, the sensor sends it once at its start. Source: uname(2) nodename.
	Name string `json:"name,omitempty"`
}

// Hash holds digests of a file's content.
type Hash struct {
	// SHA256 is the SHA-256 of the content, 64 lower-case hexadecimal digits. Source: FIPS 180-4.
	SHA256 string `json:"sha256,omitempty"`
}
