//go:build linux

package modules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/inventory"
)

const maxList = 4 << 20

// Config says where modules are read.
type Config struct {
	// Proc is the proc file system; empty means /proc.
	Proc string
	// Sys is where the kernel's module folders are; empty means /sys/module.
	Sys string
}

// Source reads modules.
type Source struct {
	fs  *proc.FS
	sys string
}

var _ inventory.Source = (*Source)(nil)

// New returns a source over the modules of the configuration.
func New(cfg Config) (*Source, error) {
	fs, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	if cfg.Sys == "" {
		cfg.Sys = "/sys/module"
	}
	return &Source{fs, cfg.Sys}, nil
}

func (s *Source) Name() string { return "modules" }

func (s *Source) Kinds() []fact.Kind { return []fact.Kind{fact.KindModule} }

// Watch is empty: no file changes when a module is loaded.
func (s *Source) Watch() []string { return nil }

// Read reads the kernel's list, and then the folders of modules that are not
// on it. A kernel without modules has neither.
func (s *Source) Read(context.Context) (*inventory.Reading, error) {
	data, more, err := s.fs.Whole("modules", maxList)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading modules: %w", err)
	}
	r := new(inventory.Reading)
	listed := make(map[string]bool)
	modules, bad := Parse(data)
	for _, m := range modules {
		listed[m.Name] = true
		r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindModule, Module: m})
	}
	if bad > 0 {
		r.Miss(fact.KindModule, fact.LossMalformed, "lines of /proc/modules that are no modules", int64(bad))
	}
	if more {
		r.Miss(fact.KindModule, fact.LossInventory, "/proc/modules is over the size that is read", 1)
	}
	s.unlisted(r, listed)
	return r, nil
}

// unlisted adds the modules that have a folder and are not listed. What is
// built into the kernel has a folder too, but no initstate.
func (s *Source) unlisted(r *inventory.Reading, listed map[string]bool) {
	entries, _, err := regular.List(s.sys, maxModules)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Miss(fact.KindModule, fact.LossUnreadable, err.Error(), 1)
	}
	for _, e := range entries {
		folder := s.sys + "/" + e.Name()
		if listed[describe.Plain(e.Name(), maxName)] {
			continue
		}
		if _, err := os.Lstat(folder + "/initstate"); err != nil {
			continue
		}
		m := &fact.Module{Name: describe.Plain(e.Name(), maxName)}
		if data, _, err := regular.Read(folder+"/coresize", 64); err == nil {
			m.Size, _ = strconv.ParseUint(string(bytes.TrimSpace(data)), 10, 64)
		}
		if data, _, err := regular.Read(folder+"/taint", 64); err == nil {
			m.Taints = taints(data)
		}
		r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindModule, Module: m})
	}
}

// Close lets go of the proc file system.
func (s *Source) Close() error { return s.fs.Close() }
