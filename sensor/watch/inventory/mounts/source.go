//go:build linux

package mounts

import (
	"context"
	"fmt"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/inventory"
)

const maxTable = 16 << 20

// Config says where mounts are read.
type Config struct {
	// Proc is the proc file system; empty means /proc.
	Proc string
}

// Source reads mounts.
type Source struct{ fs *proc.FS }

var _ inventory.Source = (*Source)(nil)

// New returns a source over the mounts of the configuration.
func New(cfg Config) (*Source, error) {
	fs, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	return &Source{fs}, nil
}

func (s *Source) Name() string { return "mounts" }

func (s *Source) Kinds() []fact.Kind { return []fact.Kind{fact.KindMount} }

// Watch is empty: no file changes when something is mounted.
func (s *Source) Watch() []string { return nil }

// Read reads the mount table.
func (s *Source) Read(context.Context) (*inventory.Reading, error) {
	data, more, err := s.fs.Whole("1/mountinfo", maxTable)
	if err != nil || len(data) == 0 {
		data, more, err = s.fs.Whole("self/mountinfo", maxTable)
	}
	if err != nil {
		return nil, fmt.Errorf("reading mounts: %w", err)
	}
	r := new(inventory.Reading)
	mounts, bad := Parse(data)
	for _, m := range mounts {
		r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindMount, Mount: m})
	}
	if bad > 0 {
		r.Miss(fact.KindMount, fact.LossMalformed, "lines of mountinfo that are no mounts", int64(bad))
	}
	if more {
		r.Miss(fact.KindMount, fact.LossInventory, "mountinfo is over the size that is read", 1)
	}
	return r, nil
}

// Close lets go of the proc file system.
func (s *Source) Close() error { return s.fs.Close() }
