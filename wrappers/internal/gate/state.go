//go:build linux

package gate

import (
	"errors"
	"os"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
)

// memory is what a host must not forget: below what its clock, the log and the
// counter must not fall.
type memory struct {
	V     int       `json:"v"`
	Floor time.Time `json:"floor"`
	// Size and Hash are the log as it was last seen.
	Size int64  `json:"size"`
	Hash string `json:"hash"`
	// Checkpoint is that, signed: two of one size are the proof of a fork.
	Checkpoint string `json:"checkpoint"`
	// Counter and Free are eat.Counters: they outlive the ledger's entries.
	Counter uint64 `json:"counter,string"`
	Free    uint64 `json:"free,omitzero,string"`
}

const memoryFile = "state.json"

// loadMemory reads it. A first start has none: install makes the folder and
// this file, so that its loss is an error and never a first start again.
func loadMemory(state folder) (memory, error) {
	data, err := state.read(memoryFile, 16<<10)
	if errors.Is(err, os.ErrNotExist) {
		return memory{}, action.Refuse("state.missing", "%s is gone: what this host has seen is not known. If that is right, run picket-sensor install again", state.path(memoryFile))
	}
	if err != nil {
		return memory{}, err
	}
	var m memory
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: 16 << 10, IntegersOnly: true}, &m, nil); err != nil {
		return memory{}, action.Refuse("state.bad_file", "malformed %s: %v", state.path(memoryFile), err)
	}
	if _, err := m.tree(); err != nil {
		return memory{}, action.Refuse("state.bad_file", "malformed %s: %v", state.path(memoryFile), err)
	}
	return m, nil
}

func (m memory) tree() (tlog.Tree, error) {
	if m.Size == 0 {
		return tlog.Tree{}, nil
	}
	hash, err := tlog.ParseHash(m.Hash)
	return tlog.Tree{N: m.Size, Hash: hash}, err
}

func (m memory) save(state folder) error {
	m.V = 1
	data, err := strictjson.Encode(m)
	if err != nil {
		return err
	}
	return state.replace(memoryFile, data)
}
