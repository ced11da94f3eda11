package eat

import "net/netip"

const (
	maxAllowed = 32
	maxBlocked = 64
)

// IsolateNetwork cuts the host off. The hub and what the host's policy keeps
// open stay reachable in any case.
type IsolateNetwork struct {
	// Allow are ranges that stay reachable too, at most 32; empty means none.
	Allow []netip.Prefix `json:"allow,omitempty"`
	// Lifetime is the lease in seconds.
	Lifetime int64 `json:"lifetime"`
}

// Action is the name of the action.
func (IsolateNetwork) Action() string { return ActionIsolateNetwork }

// Validate checks every member.
func (a IsolateNetwork) Validate() error {
	c := checks{kind: ErrBadParam}
	c.prefixes("allow", a.Allow, 0, maxAllowed)
	c.lifetime(a.Lifetime)
	return c.err
}

func (a IsolateNetwork) lease() int64 { return a.Lifetime }

// ReleaseNetwork ends the isolation.
type ReleaseNetwork struct{}

// Action is the name of the action.
func (ReleaseNetwork) Action() string { return ActionReleaseNetwork }

// Validate checks every member.
func (ReleaseNetwork) Validate() error { return nil }

func (ReleaseNetwork) lease() int64 { return 0 }

// BlockAddress drops what comes from and goes to address ranges.
type BlockAddress struct {
	// Prefixes are the ranges, 1 to 64 of either family.
	Prefixes []netip.Prefix `json:"prefixes"`
	// Lifetime is the lease in seconds.
	Lifetime int64 `json:"lifetime"`
}

// Action is the name of the action.
func (BlockAddress) Action() string { return ActionBlockAddress }

// Validate checks every member.
func (a BlockAddress) Validate() error {
	c := checks{kind: ErrBadParam}
	c.prefixes("prefixes", a.Prefixes, 1, maxBlocked)
	c.lifetime(a.Lifetime)
	return c.err
}

func (a BlockAddress) lease() int64 { return a.Lifetime }

// UnblockAddress takes ranges back that were blocked.
type UnblockAddress struct {
	// Prefixes are the ranges, 1 to 64, spelt as they were blocked.
	Prefixes []netip.Prefix `json:"prefixes"`
}

// Action is the name of the action.
func (UnblockAddress) Action() string { return ActionUnblockAddress }

// Validate checks every member.
func (a UnblockAddress) Validate() error {
	c := checks{kind: ErrBadParam}
	c.prefixes("prefixes", a.Prefixes, 1, maxBlocked)
	return c.err
}

func (UnblockAddress) lease() int64 { return 0 }
