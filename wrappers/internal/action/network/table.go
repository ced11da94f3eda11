package network

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"

	"picket.internal/wrappers/internal/action"
)

// Drops count wherever they are made, so the place of a chain decides only what
// it sees: the first see packets before others change them, last sees where a
// packet really goes, after every address translation (netfilter_ipv4.h).
const (
	first = nftables.ChainPriority(-300) // NF_IP_PRI_RAW
	last  = nftables.ChainPriority(300)  // after NF_IP_PRI_NAT_SRC
)

// batchElements keeps a message of set elements below netlink's 64 KiB. It is
// even: an interval is two elements.
const batchElements = 500

// A table is one of ours, all of it: it is written, compared and removed whole.
type table struct {
	name   string
	sets   []set
	chains []chain
}

type set struct {
	name     string
	key      nftables.SetDatatype
	elements []nftables.SetElement
}

type chain struct {
	nftables.Chain
	rules []rule
}

// newChain makes one that does what policy says where no rule decides.
func newChain(policy nftables.ChainPolicy, name string, hook *nftables.ChainHook, at nftables.ChainPriority, rules []rule) chain {
	return chain{Chain: nftables.Chain{Name: name, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &at, Policy: &policy}, rules: rules}
}

// dial has room for the answers to a whole transaction and waits for no more
// than ten seconds.
func dial() *nftables.Conn {
	c, _ := nftables.New(nftables.WithSockOptions(bounded)) // opens nothing yet, so it cannot fail
	return c
}

func bounded(c *netlink.Conn) error {
	return errors.Join(c.SetReadBuffer(8<<20), c.SetWriteBuffer(8<<20), c.SetDeadline(time.Now().Add(10*time.Second)))
}

// replace puts the table in force, in the place of any of its name, in one
// transaction, and reads it back.
func (t table) replace() error {
	c := dial()
	at := c.AddTable(&nftables.Table{Name: t.name, Family: nftables.TableFamilyINet})
	c.DelTable(at)
	c.AddTable(at)
	for _, s := range t.sets {
		to := &nftables.Set{Table: at, Name: s.name, KeyType: s.key, Interval: true}
		err := c.AddSet(to, nil)
		for part := range slices.Chunk(s.elements, batchElements) {
			err = errors.Join(err, c.SetAddElements(to, part))
		}
		if err != nil {
			return fmt.Errorf("writing set %s: %w", s.name, err)
		}
	}
	for _, ch := range t.chains {
		ch.Table = at
		c.AddChain(&ch.Chain)
		for _, r := range ch.rules {
			c.AddRule(&nftables.Rule{Table: at, Chain: &ch.Chain, Exprs: r})
		}
	}
	if err := c.Flush(); err != nil {
		return refused("writing table "+t.name, err)
	}
	if same, err := t.inForce(); err != nil || !same {
		return errors.Join(err, fmt.Errorf("writing table %s: the kernel took it, but shows another", t.name))
	}
	return nil
}

// remove takes the table of that name out, if it is there, and looks that it is
// gone. Adding it first makes it no error that it is not there.
func remove(name string) error {
	c := dial()
	c.DelTable(c.AddTable(&nftables.Table{Name: name, Family: nftables.TableFamilyINet}))
	if err := c.Flush(); err != nil {
		return refused("removing table "+name, err)
	}
	if there, err := read(name); err != nil || there != nil {
		return errors.Join(err, fmt.Errorf("removing table %s: the kernel took it, but it is not gone", name))
	}
	return nil
}

// compare reads the table back: is there one of this name, and are exactly these
// rules in force?
func (t table) compare() (there, same bool, err error) {
	found, err := read(t.name)
	for _, s := range t.sets {
		slices.SortFunc(s.elements, byKey)
	}
	return found != nil, reflect.DeepEqual(found, &t), err
}

// absentOrSame refuses where a table of this name is another than this.
func (t table) absentOrSame() (there bool, err error) {
	there, same, err := t.compare()
	if err == nil && there && !same {
		err = action.Refuse(Conflict, "a table %s is there with other rules: end that one first", t.name)
	}
	return there, err
}

func (t table) inForce() (bool, error) {
	_, same, err := t.compare()
	return same && err == nil, err
}

// tables are the names of the inet tables, with their flags.
func tables(c *nftables.Conn) (map[string]uint32, error) {
	found, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, refused("listing tables", err)
	}
	names := map[string]uint32{}
	for _, t := range found {
		names[t.Name] = t.Flags
	}
	return names, nil
}

// read returns the table of that name as the kernel has it, or nil.
func read(name string) (*table, error) {
	c := dial()
	names, err := tables(c)
	flags, there := names[name]
	if err != nil || !there {
		return nil, err
	}
	t := &table{name: name}
	if flags != 0 {
		return t, nil // dormant, or another program's: its rules are not in force
	}
	at := &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyINet)
	for _, ch := range chains {
		if ch.Table.Name != name || err != nil {
			continue
		}
		var rules []*nftables.Rule
		rules, err = c.GetRules(at, ch)
		ch.Table = nil
		found := chain{Chain: *ch}
		for _, r := range rules {
			found.rules = append(found.rules, r.Exprs)
		}
		t.chains = append(t.chains, found)
	}
	sets, errSets := c.GetSets(at)
	for _, s := range sets {
		elements, errElements := c.GetSetElements(s)
		errSets = errors.Join(errSets, errElements)
		slices.SortFunc(elements, byKey)
		t.sets = append(t.sets, set{name: s.Name, key: s.KeyType, elements: elements})
	}
	if err := errors.Join(err, errSets); err != nil {
		return nil, fmt.Errorf("reading table %s: %w", name, err)
	}
	return t, nil
}

func byKey(a, b nftables.SetElement) int {
	if d := bytes.Compare(a.Key, b.Key); d != 0 || a.IntervalEnd == b.IntervalEnd {
		return d
	}
	if a.IntervalEnd {
		return -1
	}
	return 1
}
