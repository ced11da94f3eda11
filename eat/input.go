package eat

import (
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Ledger is what a host remembers of the tokens it acted on. It answers from
// what was read before: a ledger that could not be read is none.
type Ledger interface {
	// Used reports whether a token of the id, or of the payload with the
	// digest, was acted on or is being acted on.
	Used(id, sha256 string) bool
	// Counters are those of the tokens.
	Counters() Counters
	// Recent is how many tokens of the action were acted on in the hour before now.
	Recent(action string, now time.Time) int
	// ActionOf is the action of a token that was acted on; false where the id
	// is not known.
	ActionOf(id string) (string, bool)
}

// Input is what a host knows when it judges a token. All of it comes from files
// that only root can write and from the kernel, and none of it from the sensor.
type Input struct {
	// Now is the host's clock.
	Now time.Time
	// Floor is the newest signed time that the host has seen; the clock cannot
	// honestly be before it. Empty means that there is none yet.
	Floor time.Time
	// HostID is the host's id.
	HostID string
	// BootID is the boot id, from /proc/sys/kernel/random/boot_id.
	BootID string
	// Labels are the host's labels, as root wrote them. Never the hub's word:
	// they choose how many must sign.
	Labels []string
	// Trust is whom the host believes; nil refuses everything.
	Trust *TrustStore
	// Policy is what may be done; nil refuses everything.
	Policy *HostPolicy
	// Seen is the log as the host last saw it; size 0 means never.
	Seen tlog.Tree
	// Ledger is what was done before; nil refuses everything.
	Ledger Ledger
}

// Verified is a token that may be acted on, once. Only Verify makes one.
type Verified struct {
	token      Token
	sha256     string
	checkpoint []byte
	tree       tlog.Tree
	floor      time.Time
	operators  []string
}

// Token is what to do.
func (v *Verified) Token() Token { return v.token }

// SHA256 is the digest of the token's payload, for the ledger and the receipt.
func (v *Verified) SHA256() string { return v.sha256 }

// Checkpoint is the log that the token is in, signed. It is what the host has
// seen from now on, and must be on disk before the act.
func (v *Verified) Checkpoint() ([]byte, tlog.Tree) { return slices.Clone(v.checkpoint), v.tree }

// Floor is below which the clock must not be from now on: the token's time of
// issue, but never ahead of the clock that it was judged by.
func (v *Verified) Floor() time.Time { return v.floor }

// Operators are the names of the operators who signed.
func (v *Verified) Operators() []string { return slices.Clone(v.operators) }
