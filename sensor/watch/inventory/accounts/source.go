//go:build linux

package accounts

import (
	"context"
	"fmt"
	"path/filepath"

	"picket.internal/fact"
	"picket.internal/sensor/watch/inventory"
)

// Config says where to read.
type Config struct {
	// Root is the folder that etc lies in; empty means /.
	Root string
}

// Source reads users, groups and the sudoers policy.
type Source struct {
	root  string
	files []string // of the sudoers policy, as last read
}

// New returns a source of accounts.
func New(cfg Config) *Source { return &Source{root: filepath.Clean("/" + cfg.Root)} }

// Name is "accounts".
func (s *Source) Name() string { return "accounts" }

// Kinds are user, group and sudoers.
func (s *Source) Kinds() []fact.Kind {
	return []fact.Kind{fact.KindUser, fact.KindGroup, fact.KindSudoers}
}

// Watch are the files of accounts, and those that the sudoers policy was last
// read from.
func (s *Source) Watch() []string {
	list := []string{s.etc("passwd"), s.etc("group"), s.etc("shadow"), s.etc("sudoers"), s.etc("sudoers.d")}
	return append(list, s.files...)
}

// Read reads everything. Each kind is read though another cannot be.
func (s *Source) Read(ctx context.Context) (*inventory.Reading, error) {
	r := &reading{root: s.root}
	r.accounts()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	s.files = r.sudoers(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	return &r.Reading, nil
}

func (s *Source) etc(name string) string { return filepath.Join(s.root, "etc", name) }

// reading gathers one reading.
type reading struct {
	inventory.Reading
	root string
}

// gap notes what is missing. Of a kind and a cause, the first reason is told.
func (r *reading) gap(of fact.Kind, cause string, count int64, whole bool, reason string) {
	if count == 0 {
		return
	}
	for i := range r.Gaps {
		if g := &r.Gaps[i]; g.Of == of && g.Cause == cause {
			g.Count += count
			g.Whole = g.Whole || whole
			return
		}
	}
	r.Gaps = append(r.Gaps, inventory.Gap{Of: of, Cause: cause, Count: count, Whole: whole, Reason: reason})
}
