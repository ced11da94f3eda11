//go:build linux

package packagedb

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
)

// claim is what a database says of one file of one package.
type claim struct {
	owner     string // what the database calls the package while it is read
	vouch     fact.Vouch
	sum       []byte // the digest of the content; nil where the database has none
	installed bool   // the package is
	unsettled bool   // it is being replaced right now: other content says nothing
}

// target is a path that is asked for.
type target struct{ claims []*claim }

// pass answers for many paths in one reading of the databases.
type pass struct {
	ctx     context.Context
	root    string
	aliases []alias
	targets map[string]*target  // by path without aliases
	bases   map[string]struct{} // last names that are worth a second look
	buf     []byte
	sketch  *sketch // of dpkg's lists as they are now; nil where there is none
	made    *sketch // while they were all read; nil where they were not
	// found says that there is a database, failed that one of them could not
	// be read: then nobody can say that a file has no owner.
	found, failed bool
}

func newPass(ctx context.Context, root string) *pass {
	return &pass{ctx: ctx, root: root, aliases: readAliases(root),
		targets: make(map[string]*target), bases: make(map[string]struct{})}
}

// ask adds a path.
func (p *pass) ask(name string) *target {
	name = p.canonical([]byte(name))
	t := p.targets[name]
	if t == nil {
		t = new(target)
		p.targets[name] = t
		p.bases[path.Base(name)] = struct{}{}
	}
	return t
}

// run reads every database.
func (p *pass) run() {
	p.dpkg()
	p.apk()
	p.rpm()
}

// base tells whether the last name of a path is worth a second look. It is
// what every line of every list goes through.
func (p *pass) base(name []byte) bool {
	_, ok := p.bases[string(name[bytes.LastIndexByte(name, '/')+1:])]
	return ok
}

// at is the target of a path as a database writes it; nil where it is not
// asked for.
func (p *pass) at(name []byte) *target {
	if !p.base(name) {
		return nil
	}
	return p.targets[p.canonical(name)]
}

// verdict weighs the claims for a file. sum returns its digest by an
// algorithm; nil where it cannot be had.
func (p *pass) verdict(t *target, gone bool, sum func(algorithm string) []byte) fact.Vouch {
	var other, silent *claim
	for _, c := range t.claims {
		if !c.installed {
			continue
		}
		have := []byte(nil)
		if c.sum != nil {
			have = sum(c.vouch.Algorithm)
		}
		switch {
		case have == nil:
			silent = c
		case bytes.Equal(have, c.sum):
			return c.say(fact.VouchOK)
		case other == nil || other.unsettled:
			other = c
		}
	}
	switch {
	case other != nil && !other.unsettled && !gone:
		return other.say(fact.VouchModified)
	case other != nil:
		return other.say(fact.VouchUnknown)
	case silent != nil:
		return silent.say(fact.VouchUnknown)
	case p.found && !p.failed:
		return fact.Vouch{Verdict: fact.VouchUnowned}
	}
	return fact.Vouch{Verdict: fact.VouchUnknown}
}

func (c *claim) say(verdict string) fact.Vouch {
	v := c.vouch
	v.Verdict = verdict
	return v
}

// setHex takes a digest in hexadecimal digits, if it is one of that length.
func (c *claim) setHex(algorithm string, digits []byte, size int) {
	sum := make([]byte, size)
	if len(digits) != 2*size {
		return
	}
	if _, err := hex.Decode(sum, digits); err == nil {
		c.vouch.Algorithm, c.sum = algorithm, sum
	}
}

// alias is a folder that is a symbolic link: from and to end in a slash.
type alias struct{ from, to string }

// readAliases finds the folders in / and /usr that are links: what a package
// lists as /bin/ls is /usr/bin/ls to the kernel once /usr is merged.
func readAliases(root string) []alias {
	var all []alias
	for _, dir := range [...]string{"/", "/usr/"} {
		names, _ := folder(filepath.Join(root, dir), 256, func(string) bool { return true })
		for _, name := range names {
			at := filepath.Join(root, dir, name)
			var st unix.Stat_t
			if unix.Lstat(at, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
				continue
			}
			to, err := os.Readlink(at)
			if err != nil || to == "" {
				continue
			}
			if to[0] != '/' {
				to = dir + to
			}
			if to = path.Clean(to); to != "/" {
				all = append(all, alias{from: dir + name + "/", to: to + "/"})
			}
		}
	}
	return all
}

// canonical is a path with its first folders as they really are. /sbin may
// lead to /usr/sbin and that to /usr/bin.
func (p *pass) canonical(name []byte) string {
	s := string(name)
	if len(s) == 0 || s[0] != '/' {
		s = "/" + s
	}
	for range 3 {
		before := s
		for _, a := range p.aliases {
			if rest, ok := strings.CutPrefix(s, a.from); ok {
				s = a.to + rest
				break
			}
		}
		if s == before {
			break
		}
	}
	return s
}
