package alert

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"picket.internal/fact"
	"picket.internal/hub/internal/store"
)

// remembered is how many hashes, and hashes and paths of hosts, are kept in
// memory. It must exceed what one evaluation can add, because what is not
// stored yet is nowhere else.
const remembered = 4 * maxFacts

// lastEvery is how often the time at which a known executable last ran is
// written.
const lastEvery = time.Hour

// executables knows which hash ran where: the table in the store, with what the
// evaluation at hand adds to it. It is for one goroutine.
type executables struct {
	store  Store
	hosts  *lru[[32]byte, int64]       // how many hosts run a hash
	onHost *lru[hostHash, bool]        // whether a host runs a hash
	atPath *lru[hostPath, pathHistory] // what a host runs from a path
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
	written     time.Time // when the store was last told about now
}

func newExecutables(s Store) *executables {
	return &executables{store: s, hosts: newLRU[[32]byte, int64](remembered),
		onHost: newLRU[hostHash, bool](remembered), atPath: newLRU[hostPath, pathHistory](remembered)}
}

// observe returns what is known of a process's hash, the fact included, and
// what there is to store about it, if anything. Both are nil for a fact that
// carries no hash of a process.
func (x *executables) observe(ctx context.Context, f *fact.Fact, at time.Time) (*fact.Prevalence, *store.Execution, error) {
	p := f.Process
	if f.Kind != fact.KindProcess || p == nil || p.Hash == nil {
		return nil, nil, nil
	}
	var sum [32]byte
	if n, err := hex.Decode(sum[:], []byte(p.Hash.SHA256)); err != nil || n != len(sum) {
		return nil, nil, nil
	}
	hosts, err := x.hostsOf(ctx, sum)
	if err != nil {
		return nil, nil, err
	}
	known, err := x.knownOn(ctx, f.Host.ID, sum)
	if err != nil {
		return nil, nil, err
	}
	history, err := x.historyOf(ctx, f.Host.ID, p.Executable)
	if err != nil {
		return nil, nil, err
	}
	if !known {
		hosts++
		x.hosts.put(sum, hosts)
		x.onHost.put(hostHash{f.Host.ID, sum}, true)
	}
	out := &fact.Prevalence{Hosts: hosts, FirstOnHost: !known, FirstInFleet: hosts == 1 && !known}
	fresh := history.now != sum
	if fresh {
		history.before, history.now = history.now, sum
	}
	if history.before != ([32]byte{}) {
		out.PreviousSHA256 = hex.EncodeToString(history.before[:])
	}
	if !fresh && at.Sub(history.written) < lastEvery {
		return out, nil, nil
	}
	history.written = at
	x.atPath.put(hostPath{f.Host.ID, p.Executable}, history)
	return out, &store.Execution{Host: f.Host.ID, Path: p.Executable, SHA256: sum, First: at, Last: at}, nil
}

func (x *executables) hostsOf(ctx context.Context, sum [32]byte) (int64, error) {
	if n, ok := x.hosts.get(sum); ok {
		return n, nil
	}
	n, err := x.store.HostsWithHash(ctx, sum)
	if err != nil {
		return 0, fmt.Errorf("counting hosts: %w", err)
	}
	x.hosts.put(sum, n)
	return n, nil
}

func (x *executables) knownOn(ctx context.Context, host string, sum [32]byte) (bool, error) {
	if known, ok := x.onHost.get(hostHash{host, sum}); ok {
		return known, nil
	}
	known, err := x.store.HashOnHost(ctx, host, sum)
	if err != nil {
		return false, err
	}
	x.onHost.put(hostHash{host, sum}, known)
	return known, nil
}

func (x *executables) historyOf(ctx context.Context, host, path string) (pathHistory, error) {
	if h, ok := x.atPath.get(hostPath{host, path}); ok {
		return h, nil
	}
	hashes, err := x.store.HashesAtPath(ctx, host, path)
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
	x.atPath.put(hostPath{host, path}, h)
	return h, nil
}
