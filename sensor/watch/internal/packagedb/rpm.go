//go:build linux

package packagedb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/regular"
)

// rpmDirs are where rpm keeps its database: of old, of SUSE and Fedora, and
// of images that are updated as a whole.
var rpmDirs = [...]string{rpmDir, rpmNew, rpmImage}

const (
	rpmDir   = "var/lib/rpm"
	rpmNew   = "usr/lib/sysimage/rpm"
	rpmImage = "usr/share/rpm"
)

// formats are rpm's own, the newest first: what is converted leaves the older
// file behind.
var formats = [...]struct {
	file string
	read func(f *file, each func(blob []byte)) error
}{
	{"rpmdb.sqlite", readSQLite},
	{"Packages.db", readNDB},
	{"Packages", readBDB},
}

const (
	// maxDatabase is the largest database that is read, in bytes; with 5,000
	// packages it has some 300 MiB.
	maxDatabase = 4 << 30
	// maxBlob is the largest header of one package, in bytes. The kernel's
	// headers and firmware have some 3 MiB.
	maxBlob = 32 << 20
	// maxTries is how often a database is read that changes under the reader.
	maxTries = 3
)

var errChanging = errors.New("it changed while it was read")

// file is a database that is read at will, but not for ever: no more bytes
// than twice what it has, so that a circle in it ends.
type file struct {
	ctx    context.Context
	f      *os.File
	size   int64
	budget int64
	bad    int64 // entries that were left out
	log    *file // SQLite's write-ahead log; nil where there is none
}

func openFile(ctx context.Context, path string) (*file, error) {
	f, st, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	if st.Size > maxDatabase {
		f.Close()
		return nil, fmt.Errorf("%q: %d bytes: %w", path, st.Size, errTooLarge)
	}
	return &file{ctx: ctx, f: f, size: st.Size, budget: 2*st.Size + 1<<20}, nil
}

func (f *file) close() {
	f.f.Close()
	if f.log != nil {
		f.log.close()
	}
}

// readCost is what a read costs beyond its bytes.
const readCost = 64

// read fills buf from an offset.
func (f *file) read(buf []byte, at int64) error {
	if f.budget -= int64(len(buf)) + readCost; f.budget < 0 {
		return fmt.Errorf("%w: its pages lead in circles", errMalformed)
	}
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if at < 0 || at+int64(len(buf)) > f.size {
		return fmt.Errorf("%w: it leads to byte %d of %d", errMalformed, at, f.size)
	}
	if _, err := f.f.ReadAt(buf, at); err != nil {
		return err
	}
	return nil
}

// readRPM calls each with every header of the one database there is, and
// begin before it begins, maybe again. found is false where there is none.
func readRPM(ctx context.Context, root string, begin func(), each func(*header)) (found bool, bad int64, err error) {
	for _, dir := range rpmDirs {
		for _, format := range formats {
			path := filepath.Join(root, dir, format.file)
			var f *file
			for range maxTries {
				before := [2]digest.Key{keyAt(path), keyAt(path + "-wal")}
				if f, err = openFile(ctx, path); err != nil {
					break
				}
				begin()
				err = f.readAll(path, format.read, each)
				f.close()
				if before == [2]digest.Key{keyAt(path), keyAt(path + "-wal")} {
					break
				}
				err = fmt.Errorf("%q: %w", path, errChanging)
			}
			switch {
			case f != nil:
				return true, f.bad, err
			case !absent(err):
				return true, 0, err
			}
		}
	}
	return false, 0, nil
}

func (f *file) readAll(path string, read func(*file, func([]byte)) error, each func(*header)) error {
	log, err := openFile(f.ctx, path+"-wal")
	if err == nil {
		f.log = log
		f.budget += log.size
	} else if !absent(err) {
		return err
	}
	err = read(f, func(blob []byte) {
		h, err := parseHeader(blob)
		if err != nil {
			f.bad++
			return
		}
		each(h)
	})
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

func rpmPackages(root string, l *list) {
	found, bad, err := readRPM(l.ctx, root, l.restart, func(h *header) {
		if p, ok := h.identity(); ok {
			l.add(p)
		} else {
			l.bad++
		}
	})
	l.bad += bad
	if found && err != nil {
		l.fail("reading the database of rpm", err, true)
	}
}

// rpm finds who has the files that are asked for.
func (p *pass) rpm() {
	begin := func() {
		for _, t := range p.targets {
			t.forget(RPM)
		}
	}
	found, bad, err := readRPM(p.ctx, p.root, begin, p.header)
	p.found = p.found || found
	p.failed = p.failed || bad > 0 || err != nil
}

// forget drops the claims that came from one database.
func (t *target) forget(of string) {
	kept := t.claims[:0]
	for _, c := range t.claims {
		if c.vouch.Type != of {
			kept = append(kept, c)
		}
	}
	t.claims = kept
}

// header adds what one package claims.
func (p *pass) header(h *header) {
	names, n := h.find(tagBasenames, typeStringArray)
	for i := range n {
		name, rest, whole := bytes.Cut(names, []byte{0})
		if !whole {
			return
		}
		names = rest
		if !p.base(name) {
			continue
		}
		dir, ok := h.number(tagDirIndexes, i)
		if !ok {
			continue
		}
		p.buf = append(append(p.buf[:0], h.nth(tagDirnames, int(dir))...), name...)
		if t := p.at(p.buf); t != nil && h.installed(i) {
			t.claims = append(t.claims, h.claim(i))
		}
	}
}

// installed tells whether file i of the package is on the disk: not one that
// was left out, and not the 32-bit twin of another package's file.
func (h *header) installed(i int) bool {
	const normal = 0
	states, n := h.find(tagFileStates, typeChar)
	return i >= n || states[i] == normal
}

// claim is what the package says of its file i. Numbers of algorithms are
// OpenPGP's (RFC 9580 section 9.5), MD5 where there is none.
func (h *header) claim(i int) *claim {
	pkg, _ := h.identity()
	c := &claim{installed: true, vouch: fact.Vouch{Type: RPM, Name: pkg.Name, Version: pkg.Version}}
	const ghost = 1 << 6 // not in the package, so with no content of its own
	if flags, ok := h.number(tagFileFlags, i); ok && flags&ghost != 0 {
		return c
	}
	digits := h.nth(tagFileDigests, i)
	switch algorithm, ok := h.number(tagDigestAlgo, 0); {
	case !ok || algorithm == 1:
		c.setHex("md5", digits, md5Size)
	case algorithm == 2:
		c.setHex("sha1", digits, 20)
	case algorithm == 8:
		c.setHex("sha256", digits, 32)
	case algorithm == 10:
		c.setHex("sha512", digits, 64)
	}
	return c
}
