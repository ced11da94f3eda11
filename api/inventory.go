package api

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// How far hub and host agree on an inventory.
const (
	InventoryInStep   = "in_step"  // the hub holds what the host says there is
	InventoryDiffers  = "differs"  // it does not, and the hub asks for the difference
	InventoryUnjudged = "unjudged" // something has changed, and no digest was compared since
)

// Inventory sums up what the hub holds of one kind of a host.
type Inventory struct {
	// Kind is the kind of fact that tells of it.
	Kind string `json:"kind"`
	// State is in_step, differs or unjudged.
	State string `json:"state"`
	// Count is how many entities the hub holds.
	Count int64 `json:"count"`
	// Claimed is how many the host says there are.
	Claimed int64 `json:"claimed"`
	// Omitted is how many the host says it cannot tell of.
	Omitted int64 `json:"omitted,omitempty"`
	// Reason is why. Host-made text.
	Reason string `json:"reason,omitempty"`
	// Changed is when an entity last changed, by the hub's clock; absent where none ever was.
	Changed time.Time `json:"changed,omitzero"`
	// Told is when the host last told a digest, by the hub's clock; absent before the first time.
	Told time.Time `json:"told,omitzero"`
	// Agreed is when the two last agreed, by the hub's clock; absent where they never did.
	Agreed time.Time `json:"agreed,omitzero"`
	// Wanted is since when the hub asks for the difference, by the hub's clock; absent where it does not.
	Wanted time.Time `json:"wanted,omitzero"`
}

// Entity is one thing in an inventory.
type Entity struct {
	// Kind is the kind of fact that tells of it.
	Kind string `json:"kind"`
	// State is how it is: the fact's block, in canonical form. Host-made text; an empty object where it is too large to be kept.
	State jsontext.Value `json:"state"`
	// First is when the hub first held it, by the hub's clock.
	First time.Time `json:"first"`
	// Changed is when it last changed, by the hub's clock.
	Changed time.Time `json:"changed"`
}
