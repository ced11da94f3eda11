// Package inventory tells what is installed and configured on a host as it
// changes: packages, services, listeners, accounts, keys and the like. Sources,
// one folder each below this one, read everything of their kinds; this package
// alone compares one reading with the one before, tells the difference, and
// sums an inventory up so that the hub sees when it missed something.
//
// A source must never keep state between two readings but caches, run an
// external tool, or let one bad entry of a file take the others with it.
package inventory

import (
	"context"

	"picket.internal/fact"
)

// Source reads one part of the host.
type Source interface {
	// Name names it in facts about itself, as in "packages".
	Name() string
	// Kinds are the inventories that it reads. No two sources share a kind.
	Kinds() []fact.Kind
	// Watch are the files and folders whose change calls for a reading before
	// its time, as they are now; those that do not exist yet count too. Only
	// a folder's own entries are watched, not what is below them.
	Watch() []string
	// Read reads everything. What it returns is complete for each of its
	// kinds but for what Reading says is missing. An error says that there is
	// no reading at all; the one before then stays in force.
	Read(ctx context.Context) (*Reading, error)
}

// Stamper is a Source that can tell at little cost that it would find what it
// found last time.
type Stamper interface {
	// Stamp sums up what the files are that the source reads, as by inode,
	// size and time of the last change of each: where it is what it was before
	// the last reading, there is no new one. Empty means that it cannot tell.
	Stamp() string
}

// Reading is everything that a source found at one moment. It belongs to whom
// it is given: a source makes the facts anew each time.
type Reading struct {
	// Facts are one for each entity, with the block that its kind asks for
	// (see fact.Fact.Entity) and others that say more, as the process behind a
	// listener; action, time and id are filled in later.
	Facts []*fact.Fact
	// Gaps say what is missing, one entry a kind and cause.
	Gaps []Gap
}

// Gap says what a reading lacks. It is told as loss and counts as omitted in
// the digest; an entity that a gap may hide is not told as removed.
type Gap struct {
	// Of is the kind that it concerns.
	Of fact.Kind
	// Cause is one of fact's Loss constants: LossUnreadable, LossMalformed,
	// LossInventory or LossTimeout.
	Cause string
	// Count is how many entities, files or lines are missing; at least 1.
	Count int64
	// Reason says in words what and why, as in "read /etc/shadow: permission denied".
	Reason string
	// Whole is true where the whole kind could not be read. What was known of
	// it then stays in force.
	Whole bool
}

// MaxEntities is how many entities of a kind are kept. A source that finds
// more returns the first by key and a Gap with cause LossInventory.
const MaxEntities = fact.MaxEntities
