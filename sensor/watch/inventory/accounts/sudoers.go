//go:build linux

package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/inventory"
)

const (
	maxPolicy = 4 << 20  // of one file
	maxEntry  = 64 << 10 // of one entry, its lines joined
	maxDepth  = 128      // of files that include each other, as in sudo itself
	maxFiles  = 1_000    // of the whole policy
	maxNames  = 10_000   // of a folder
	costText  = 8 << 10  // of an entry in a fact
	costPart  = 4 << 10  // of one part of an entry in a fact
)

// policy walks through the files of a sudoers policy.
type policy struct {
	*reading
	ctx     context.Context
	files   []string
	opened  map[string]bool
	entries map[string]bool
	over    int64
}

// sudoers reads the policy and returns the files and folders that it is made
// of. A host without one has no sudo.
func (r *reading) sudoers(ctx context.Context) []string {
	p := &policy{reading: r, ctx: ctx, opened: make(map[string]bool), entries: make(map[string]bool)}
	main := "/etc/sudoers"
	if _, err := os.Lstat(filepath.Join(r.root, main)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	p.file(main, 0)
	r.gap(fact.KindSudoers, fact.LossInventory, p.over, false, "the sudoers policy is larger than the sensor reads")
	return p.files
}

// file reads one file, and those that it includes where it does so.
func (p *policy) file(path string, depth int) {
	if p.opened[path] || p.ctx.Err() != nil {
		return // sudo would read it again, to the same effect
	}
	if depth > maxDepth || len(p.opened) == maxFiles {
		p.over++
		return
	}
	p.opened[path] = true
	where := filepath.Join(p.root, path)
	if path != "/etc/sudoers" {
		p.files = append(p.files, where)
	}
	data, _, err := regular.Read(where, maxPolicy)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // an include may name what is not there
			p.gap(fact.KindSudoers, fact.LossUnreadable, 1, depth == 0, fmt.Sprintf("read %s: %s", text(path, costPath), why(err)))
		}
		return
	}
	long := splitSudoers(data, func(e string) {
		entry := parseSudoers(e)
		p.entry(path, &entry)
		switch entry.include {
		case includeFile:
			p.file(p.target(path, entry.target), depth+1)
		case includeFolder:
			p.folder(p.target(path, entry.target), depth+1)
		}
	})
	p.gap(fact.KindSudoers, fact.LossMalformed, long, false, fmt.Sprintf("entries of %s are too long", text(path, costPath)))
}

// target is the path that an include names: a relative one starts at the
// folder of the file that includes it.
func (p *policy) target(from, to string) string {
	if strings.Contains(to, "%h") {
		host, _ := os.Hostname()
		short, _, _ := strings.Cut(host, ".")
		to = strings.ReplaceAll(to, "%h", short)
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(from), to)
	}
	return filepath.Clean(to)
}

// folder reads the files of an included folder by name, but those that sudo
// leaves out: with a dot in the name, or a tilde at its end.
func (p *policy) folder(path string, depth int) {
	where := filepath.Join(p.root, path)
	p.files = append(p.files, where)
	dir, err := os.Open(where)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.gap(fact.KindSudoers, fact.LossUnreadable, 1, false, fmt.Sprintf("read %s: %s", text(path, costPath), why(err)))
		}
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxNames + 1)
	if err != nil && len(names) == 0 {
		return // it is empty
	}
	if len(names) > maxNames {
		p.over++
	}
	slices.Sort(names)
	for _, name := range names {
		if !strings.Contains(name, ".") && !strings.HasSuffix(name, "~") {
			p.file(filepath.Join(path, name), depth)
		}
	}
}

// entry tells one entry.
func (p *policy) entry(path string, e *entry) {
	full := e.Text
	e.Path = text(path, costPath)
	if e.Text = text(full, costText); e.Text != full {
		e.Text += " ... " + digest(full)
	}
	if e.malformed {
		p.gap(fact.KindSudoers, fact.LossMalformed, 1, false, "entries of the sudoers policy are told by their text alone: they are not understood")
	}
	key := e.Path + "\x00" + e.Type + "\x00" + e.Text
	if p.entries[key] {
		return // the same entry again says nothing more
	}
	if len(p.entries) == inventory.MaxEntities {
		p.over++
		return
	}
	p.entries[key] = true
	s := e.Sudoers
	p.Facts = append(p.Facts, &fact.Fact{Kind: fact.KindSudoers, Sudoers: &s})
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:8])
}
