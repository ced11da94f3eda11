// Package prevalence learns from facts which executable ran where: how many
// hosts run a hash, whether a host ran it before, what else ran from its path.
// Rules read it as `prevalence`.
//
// The hub keeps what is learned in its store and reads it back through Known; a
// replay begins with nothing. The package must never guess: what it was not
// shown and Known does not say has not happened.
package prevalence

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"picket.internal/engine/lru"
	"picket.internal/fact"
)

// lastEvery is how often the time at which a known executable last ran is told.
const lastEvery = time.Hour

// Known is what was learned before and is kept elsewhere.
type Known interface {
	// HostsWithHash returns how many hosts have run a hash.
	HostsWithHash(ctx context.Context, sha256 [32]byte) (int64, error)
	// HashOnHost tells whether a host has run a hash.
	HashOnHost(ctx context.Context, host string, sha256 [32]byte) (bool, error)
	// HashesAtPath returns the two hashes that a host ran last from a path, the newest first.
	HashesAtPath(ctx context.Context, host, path string) ([][32]byte, error)
}

// Execution is a hash that ran from a path on a host.
type Execution struct {
	Host, Path string
	SHA256     [32]byte
	At         time.Time
}

// Table is what is known, with what the facts at hand add to it. It is for one
// goroutine.
type Table struct {
	known  Known
	hosts  *lru.Map[[32]byte, int64]       // how many hosts run a hash
	onHost *lru.Map[hostHash, bool]        // whether a host runs a hash
	atPath *lru.Map[hostPath, pathHistory] // what a host runs from a path
}

type hostHash struct {
	host string
	hash [32]byte
}

type hostPath struct{ host, path string }

// pathHistory is what ran from a path: the hash that ran last, and the last
// other one.
type pathHistory struct {
	now, before [32]byte
	told        time.Time // when an Execution of now was last returned
}

// New returns a table that keeps at most so many hashes, and hashes and paths of
// hosts, in memory. With a known of nil nothing was learned before, and what
// does not fit in memory is forgotten.
func New(known Known, remembered int) *Table {
	if known == nil {
		known = nothing{}
	}
	return &Table{known: known, hosts: lru.New[[32]byte, int64](remembered),
		onHost: lru.New[hostHash, bool](remembered), atPath: lru.New[hostPath, pathHistory](remembered)}
}

// Forgotten counts what no longer fitted in memory.
func (t *Table) Forgotten() uint64 {
	return t.hosts.Evicted() + t.onHost.Evicted() + t.atPath.Evicted()
}

// Observe returns what is known of a process's hash, the fact included, and
// what there is to keep about it, if anything. Both are nil for a fact that
// carries no hash of a process.
func (t *Table) Observe(ctx context.Context, f *fact.Fact, at time.Time) (*fact.Prevalence, *Execution, error) {
	p := f.Process
	if f.Kind != fact.KindProcess || p == nil || p.Hash == nil {
		return nil, nil, nil
	}
	var sum [32]byte
	if len(p.Hash.SHA256) != 2*len(sum) {
		return nil, nil, nil
	}
	if _, err := hex.Decode(sum[:], []byte(p.Hash.SHA256)); err != nil {
		return nil, nil, nil
	}
	hosts, err := t.hostsOf(ctx, sum)
	if err != nil {
		return nil, nil, err
	}
	known, err := t.knownOn(ctx, f.Host.ID, sum)
	if err != nil {
		return nil, nil, err
	}
	history, err := t.historyOf(ctx, f.Host.ID, p.Executable)
	if err != nil {
		return nil, nil, err
	}
	if !known {
		hosts++
		t.hosts.Put(sum, hosts)
		t.onHost.Put(hostHash{f.Host.ID, sum}, true)
	}
	out := &fact.Prevalence{Hosts: hosts, FirstOnHost: !known, FirstInFleet: hosts == 1 && !known}
	fresh := history.now != sum
	if fresh {
		history.before, history.now = history.now, sum
	}
	if history.before != ([32]byte{}) {
		out.PreviousSHA256 = hex.EncodeToString(history.before[:])
	}
	if !fresh && at.Sub(history.told) < lastEvery {
		return out, nil, nil
	}
	history.told = at
	t.atPath.Put(hostPath{f.Host.ID, p.Executable}, history)
	return out, &Execution{Host: f.Host.ID, Path: p.Executable, SHA256: sum, At: at}, nil
}

func (t *Table) hostsOf(ctx context.Context, sum [32]byte) (int64, error) {
	if n, ok := t.hosts.Get(sum); ok {
		return n, nil
	}
	n, err := t.known.HostsWithHash(ctx, sum)
	if err != nil {
		return 0, fmt.Errorf("counting hosts: %w", err)
	}
	t.hosts.Put(sum, n)
	return n, nil
}

func (t *Table) knownOn(ctx context.Context, host string, sum [32]byte) (bool, error) {
	if known, ok := t.onHost.Get(hostHash{host, sum}); ok {
		return known, nil
	}
	known, err := t.known.HashOnHost(ctx, host, sum)
	if err != nil {
		return false, err
	}
	t.onHost.Put(hostHash{host, sum}, known)
	return known, nil
}

func (t *Table) historyOf(ctx context.Context, host, path string) (pathHistory, error) {
	if h, ok := t.atPath.Get(hostPath{host, path}); ok {
		return h, nil
	}
	hashes, err := t.known.HashesAtPath(ctx, host, path)
	if err != nil {
		return pathHistory{}, err
	}
	var h pathHistory
	if len(hashes) > 0 {
		h.now = hashes[0]
	}
	if len(hashes) > 1 {
		h.before = hashes[1]
	}
	t.atPath.Put(hostPath{host, path}, h)
	return h, nil
}

// nothing was learned before.
type nothing struct{}

func (nothing) HostsWithHash(context.Context, [32]byte) (int64, error)           { return 0, nil }
func (nothing) HashOnHost(context.Context, string, [32]byte) (bool, error)       { return false, nil }
func (nothing) HashesAtPath(context.Context, string, string) ([][32]byte, error) { return nil, nil }
