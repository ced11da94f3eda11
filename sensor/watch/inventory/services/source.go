//go:build linux

package services

import (
	"context"
	"os"
	"strings"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/unit"
	"picket.internal/sensor/watch/inventory"
)

// maxName is where a name or a path is cut, in bytes of JSON.
const maxName = 4 << 10

// Config says where services are read.
type Config struct {
	// Root is where the host's files are; empty means /.
	Root string
	// Patience is how long systemd may take to answer; 0 means 3s.
	Patience time.Duration
}

// Source reads services. It is not safe for concurrent use.
type Source struct {
	root     string
	patience time.Duration
	units    *unit.Tree
	folders  []string
	states   map[string]string // what systemd said last; nil before it did
}

var _ inventory.Source = (*Source)(nil)

// New returns a source over the services of the configuration.
func New(cfg Config) *Source {
	if cfg.Patience <= 0 {
		cfg.Patience = 3 * time.Second
	}
	root := strings.TrimSuffix(cfg.Root, "/")
	return &Source{root: root, patience: cfg.Patience, units: unit.New(root)}
}

func (s *Source) Name() string { return "services" }

func (s *Source) Kinds() []fact.Kind { return []fact.Kind{fact.KindService} }

// Watch are the folders of unit files and of what enables them, and those of
// init scripts and runlevels.
func (s *Source) Watch() []string {
	if s.folders == nil {
		s.folders = s.units.Scan(kinds...).Folders
	}
	all := append([]string{initScripts}, s.folders...)
	all = append(all, s.levels()...)
	for i := range all {
		all[i] = s.root + all[i]
	}
	return all
}

// Read reads the services of the manager that runs the host.
func (s *Source) Read(ctx context.Context) (*inventory.Reading, error) {
	r := new(inventory.Reading)
	switch {
	case s.has("/run/systemd/system"): // sd_booted(3)
		s.systemd(ctx, r)
	case s.has("/run/openrc"):
		s.openrc(r)
	default:
		s.sysv(r)
	}
	return r, ctx.Err()
}

func (s *Source) has(path string) bool {
	_, err := os.Lstat(s.root + path)
	return err == nil
}

func add(r *inventory.Reading, service fact.Service) {
	r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindService, Service: &service})
}
