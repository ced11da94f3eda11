package network

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"

	"picket.internal/wrappers/internal/action"
)

const (
	// blockTable begins the name of each block's own table. One table for each
	// keeps overlapping blocks apart: what one ends, another still holds.
	blockTable  = "picket_block_"
	maxPrefixes = 1024
	maxBlocks   = 64
	idLetters   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// Block is the record of a block_address.
type Block struct {
	// ID names the table: letters and digits, unique among the blocks in force.
	ID string `json:"id"`
	// Prefixes are IPv4 and IPv6, sorted, none within another.
	Prefixes []netip.Prefix `json:"prefixes"`
	// Already is true where the very same block was in force before.
	Already bool `json:"already,omitempty"`
}

// PrepareBlock checks the prefixes (addresses or CIDR, at most 1024) against
// those that must stay reachable. It refuses with NoNftables, BadPrefix,
// HubBlocked, or Conflict where 64 blocks are in force or id is another's.
func PrepareBlock(_ action.Root, id string, prefixes []string, allowed Allowed) (*Block, error) {
	if id == "" || len(id) > 64 || strings.Trim(id, idLetters) != "" {
		return nil, action.Refuse(BadPrefix, "%.64q is no id of a block", id)
	}
	if len(prefixes) == 0 || len(prefixes) > maxPrefixes {
		return nil, action.Refuse(BadPrefix, "%d prefixes, 1 to %d are taken", len(prefixes), maxPrefixes)
	}
	protected, err := allowed.prefixes()
	if err != nil {
		return nil, err
	}
	r := &Block{ID: id}
	for _, text := range prefixes {
		p, err := parsePrefix(text)
		if err != nil {
			return nil, err
		}
		if p.Addr().IsLoopback() || p.Overlaps(linkLocal) {
			return nil, action.Refuse(BadPrefix, "%s is needed by the host itself", text)
		}
		if i := slices.IndexFunc(protected, p.Overlaps); i >= 0 {
			return nil, action.Refuse(HubBlocked, "%s would cut off %s, which must stay reachable", text, protected[i])
		}
		r.Prefixes = append(r.Prefixes, p)
	}
	r.Prefixes = outermost(r.Prefixes)
	if r.Already, err = r.table().absentOrSame(); err != nil {
		return nil, err
	}
	names, err := tables(dial())
	maps.DeleteFunc(names, func(name string, _ uint32) bool { return !strings.HasPrefix(name, blockTable) })
	if err == nil && !r.Already && len(names) >= maxBlocks {
		err = action.Refuse(Conflict, "%d blocks are in force: end one first", len(names))
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Do drops everything from and to the prefixes, for the host and for what it
// forwards for. Open connections stop at once.
func (r *Block) Do(action.Root) (action.Effect, error) {
	if err := r.table().replace(); err != nil {
		return nil, err
	}
	return action.Effect{"state": "blocked", "table": "inet " + blockTable + r.ID, "prefixes": strconv.Itoa(len(r.Prefixes)),
		"connections": forget(func(c connection) bool { return c.touches(r.Prefixes...) })}, nil
}

// Undo ends this block; what others block stays blocked.
func (r *Block) Undo(action.Root) (action.Effect, error) {
	if err := remove(blockTable + r.ID); err != nil {
		return nil, err
	}
	return action.Effect{"state": "unblocked", "table": "inet " + blockTable + r.ID + " is gone"}, nil
}

// InForce reads back whether exactly the rules of the record are in force.
func (r *Block) InForce() (bool, error) { return r.table().inForce() }

func (r *Block) table() table {
	v4, v6 := set{name: "v4", key: nftables.TypeIPAddr}, set{name: "v6", key: nftables.TypeIP6Addr}
	for _, p := range r.Prefixes {
		to := &v4
		if p.Addr().Is6() {
			to = &v6
		}
		to.elements = append(to.elements, interval(p)...)
	}
	from := []rule{drop(inSet("v4", false, sourceAddress)), drop(inSet("v6", true, sourceAddress))}
	to := []rule{drop(inSet("v4", false, destinationAddress)), drop(inSet("v6", true, destinationAddress))}
	const policy = nftables.ChainPolicyAccept
	return table{name: blockTable + r.ID, sets: []set{v4, v6}, chains: []chain{
		newChain(policy, "input", nftables.ChainHookInput, first, from),
		newChain(policy, "output", nftables.ChainHookOutput, first, to),
		newChain(policy, "forward", nftables.ChainHookForward, first, slices.Concat(from, to)),
		newChain(policy, "leaving", nftables.ChainHookPostrouting, last, to),
	}}
}

// interval is a prefix as nftables keeps it: its first address, and the first
// behind it, unless there is none.
func interval(p netip.Prefix) []nftables.SetElement {
	end := p.Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		end[bit/8] |= 0x80 >> (bit % 8)
	}
	elements := []nftables.SetElement{{Key: p.Addr().AsSlice()}}
	if behind, _ := netip.AddrFromSlice(end); behind.Next().IsValid() {
		elements = append(elements, nftables.SetElement{Key: behind.Next().AsSlice(), IntervalEnd: true})
	}
	return elements
}

// outermost sorts prefixes and leaves out those within another, which an
// interval set does not take.
func outermost(prefixes []netip.Prefix) []netip.Prefix {
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int {
		if d := a.Addr().Compare(b.Addr()); d != 0 {
			return d
		}
		return a.Bits() - b.Bits()
	})
	var outer []netip.Prefix
	for _, p := range prefixes {
		if len(outer) == 0 || !outer[len(outer)-1].Overlaps(p) {
			outer = append(outer, p)
		}
	}
	return outer
}
