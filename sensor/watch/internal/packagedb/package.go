//go:build linux

package packagedb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/regular"
)

// The databases, as fact.Package.Type names them.
const (
	Deb = "deb"
	RPM = "rpm"
	APK = "apk"
)

// maxText is how long a name, a version or an architecture may be, in bytes.
const maxText = 512

// Package is one installed package. Its texts are valid UTF-8.
type Package struct {
	Name         string
	Version      string // with epoch and revision
	Architecture string
	Type         string
}

// Problem says what a reading lacks.
type Problem struct {
	// Type is the database that it concerns.
	Type string
	// Cause is LossUnreadable, LossMalformed, LossInventory or LossTimeout of
	// package fact.
	Cause string
	// Count is how many packages, or files of the database, are missing.
	Count int64
	// Reason says what and why.
	Reason string
	// Whole is true where nothing of the database could be read.
	Whole bool
}

// Packages reads every installed package of every database that the host has.
// No more than max are kept, the first by type, name, architecture and version.
func (db *DB) Packages(ctx context.Context, max int) ([]Package, []Problem) {
	l := &list{ctx: ctx, max: max}
	l.begin(Deb)
	dpkgPackages(db.root, l)
	l.begin(APK)
	apkPackages(db.root, l)
	l.begin(RPM)
	rpmPackages(db.root, l)
	return l.end()
}

// list gathers packages and what is missing.
type list struct {
	ctx      context.Context
	max      int
	of       string // the database that is being read
	got      int    // how many packages it had until now
	packages []Package
	problems []Problem
	bad      int64
	cut      int64
}

func (l *list) begin(of string) {
	l.malformed()
	l.of, l.got = of, 0
}

// restart forgets what came from the database that is being read.
func (l *list) restart() {
	kept := 0
	for i := range l.packages {
		if p := &l.packages[i]; p.Type != l.of {
			l.packages[kept] = *p
			kept++
		}
	}
	clear(l.packages[kept:])
	l.packages = l.packages[:kept]
	l.got, l.bad = 0, 0
}

func (l *list) add(p Package) {
	p.Type = l.of
	l.got++
	l.packages = append(l.packages, p)
	if len(l.packages) >= 2*l.max {
		l.trim()
	}
}

// trim keeps the first by key, so that what is kept does not depend on the
// order of a database.
func (l *list) trim() {
	sort.Sort(byKey(l.packages))
	l.packages = slices.Compact(l.packages)
	if n := len(l.packages) - l.max; n > 0 {
		l.cut += int64(n)
		clear(l.packages[l.max:])
		l.packages = l.packages[:l.max]
	}
}

// byKey is for package sort; slices would have its code anew for this type.
type byKey []Package

func (p byKey) Len() int           { return len(p) }
func (p byKey) Less(i, j int) bool { return compare(&p[i], &p[j]) < 0 }
func (p byKey) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }

func compare(a, b *Package) int {
	return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name),
		strings.Compare(a.Architecture, b.Architecture), strings.Compare(a.Version, b.Version))
}

// malformed tells the entries that could not be parsed.
func (l *list) malformed() {
	if l.bad > 0 {
		l.problems = append(l.problems, Problem{Type: l.of, Cause: fact.LossMalformed, Count: l.bad,
			Reason: fmt.Sprintf("%d entries of the %s database are malformed", l.bad, l.of)})
	}
	l.bad = 0
}

// fail tells that a file could not be read, or not to its end; main is true
// for the one that holds all packages.
func (l *list) fail(what string, err error, main bool) {
	l.problems = append(l.problems, Problem{Type: l.of, Cause: causeOf(err), Count: 1, Whole: main && l.got == 0,
		Reason: fmt.Sprintf("%s: %v", what, err)})
}

func (l *list) end() ([]Package, []Problem) {
	l.malformed()
	l.trim()
	if l.cut > 0 {
		l.problems = append(l.problems, Problem{Type: l.of, Cause: fact.LossInventory, Count: l.cut,
			Reason: fmt.Sprintf("%d packages over %d", l.cut, l.max)})
	}
	return l.packages, l.problems
}

func causeOf(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fact.LossTimeout
	case errors.Is(err, errMalformed):
		return fact.LossMalformed
	}
	return fact.LossUnreadable
}

// errMalformed says that a file is not a database of its kind, or is broken.
var errMalformed = errors.New("malformed database")

// absent tells whether an error says that there is no such file, which is how
// a host says that it has no database of a kind.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// text is a name or version as facts have it; false where it is none.
func text(b []byte) (string, bool) {
	if len(b) == 0 || len(b) > maxText {
		return "", false
	}
	s, _ := fact.Text(b)
	return s, true
}

var errTooLarge = regular.ErrTooLarge

// Folders are where the databases are, or would be. What is in them changes
// with every package that comes or goes.
func (db *DB) Folders() []string {
	dirs := []string{dpkgDir, dpkgDir + "/status.d", filepath.Dir(apkFiles[0]), filepath.Dir(apkFiles[1])}
	dirs = append(dirs, rpmDirs[:]...)
	for i, dir := range dirs {
		dirs[i] = filepath.Join(db.root, dir)
	}
	return dirs
}
