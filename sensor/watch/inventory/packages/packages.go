//go:build linux

package packages

import (
	"context"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/packagedb"
	"picket.internal/sensor/watch/inventory"
)

// DB are the package databases of a host, which vouch for files too.
type DB = packagedb.DB

// Open makes a reader of the databases below root, a folder. Nothing is read
// before somebody asks.
func Open(root string) *DB { return packagedb.Open(root) }

// Config says where the databases are.
type Config struct {
	// DB is the host's package databases; nil means those of /.
	DB *packagedb.DB
}

// Source reads the installed packages.
type Source struct{ db *packagedb.DB }

var _ inventory.Source = (*Source)(nil)

// New returns the source of packages.
func New(cfg Config) *Source {
	if cfg.DB == nil {
		cfg.DB = packagedb.Open("")
	}
	return &Source{db: cfg.DB}
}

// Name is "packages".
func (s *Source) Name() string { return "packages" }

// Kinds is package alone.
func (s *Source) Kinds() []fact.Kind { return []fact.Kind{fact.KindPackage} }

// Watch are the folders of the databases: each of them replaces files, or
// writes to them, when it is done.
func (s *Source) Watch() []string { return s.db.Folders() }

// Read reads every database.
func (s *Source) Read(ctx context.Context) (*inventory.Reading, error) {
	found, problems := s.db.Packages(ctx, inventory.MaxEntities)
	r := &inventory.Reading{Facts: make([]*fact.Fact, 0, len(found))}
	for i, p := range found {
		block := &fact.Package{Name: p.Name, Version: p.Version, Architecture: p.Architecture, Type: p.Type}
		// The list is sorted: packages that differ in nothing but the version
		// are neighbours.
		if sideBySide(p) || i > 0 && twins(found[i-1], p) || i+1 < len(found) && twins(p, found[i+1]) {
			block.Instance = p.Version
		}
		r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindPackage, Package: block})
	}
	for _, p := range problems {
		r.Gaps = append(r.Gaps, inventory.Gap{Of: fact.KindPackage, Cause: p.Cause, Count: p.Count, Reason: p.Reason, Whole: p.Whole})
	}
	return r, nil
}

func twins(a, b packagedb.Package) bool {
	return a.Type == b.Type && a.Name == b.Name && a.Architecture == b.Architecture
}

// sideBySide tells the packages of rpm that are never replaced but installed
// beside the one before, also while there is only one: else the second kernel
// would turn the first into another entity. Source: dnf.conf(5),
// installonlypkgs, and rpm's keys, which are packages too.
func sideBySide(p packagedb.Package) bool {
	if p.Type != packagedb.RPM {
		return false
	}
	switch p.Name {
	case "gpg-pubkey", "kernel", "kernel-core", "kernel-modules", "kernel-modules-core", "kernel-modules-extra",
		"kernel-devel", "kernel-debug", "kernel-rt", "kernel-rt-core", "kernel-uek", "kernel-uek-core",
		"kernel-default", "kernel-default-base", "kernel-default-devel", "kernel-preempt", "kernel-azure":
		return true
	}
	return false
}
