//go:build linux

package packagedb

import (
	"bytes"
	"path"
	"path/filepath"
	"strings"

	"picket.internal/fact"
)

const (
	// maxList is the largest list of files of one package, in bytes.
	maxList = 64 << 20
	md5Size = 16
)

// diversions says which files dpkg puts elsewhere than their packages say
// (dpkg-divert(1)): those at from of every package but one go to to.
type diversions map[string]diversion // by from, without aliases

type diversion struct {
	to     string
	except string // the package whose own file stays; ":" for none
}

// parseDiversions reads the file of that name: from, to and a package, a line
// each.
func parseDiversions(l *lines, canonical func([]byte) string) diversions {
	all := make(diversions)
	var from string
	var d diversion
	for n := 0; l.next(); n++ {
		switch n % 3 {
		case 0:
			from = canonical(l.line)
		case 1:
			d.to = canonical(l.line)
		case 2:
			if d.except = string(l.line); len(all) < maxUpdates*10 {
				all[from] = d
			}
		}
	}
	return all
}

// deb is one pass over dpkg's database.
type deb struct {
	*pass
	in       *lines
	info     string
	diverted diversions
	owners   map[string][]*claim // by the name of their lists, as in "libc6:amd64"
	at       map[*claim]string   // the path that the package has the file at
}

func (p *pass) dpkg() {
	d := &deb{pass: p, in: newLines(p.ctx), info: filepath.Join(p.root, dpkgDir, "info"),
		owners: make(map[string][]*claim), at: make(map[*claim]string)}
	if err := d.in.open(filepath.Join(p.root, dpkgDir, "diversions"), maxList); err == nil {
		d.diverted = parseDiversions(d.in, p.canonical)
		d.check(d.in.close())
	} else if !absent(err) {
		p.failed = true
	}
	for from, to := range d.diverted {
		if p.targets[to.to] != nil {
			p.bases[path.Base(from)] = struct{}{}
		}
	}
	d.lists()
	for owner := range d.owners {
		d.sums(filepath.Join(d.info, owner+".md5sums"), owner)
	}
	d.packages()
	d.distroless()
}

func (d *deb) check(err error) { d.failed = d.failed || err != nil && !absent(err) }

// locate is the target that a package's file really is at.
func (d *deb) locate(name []byte, owner string) *target {
	if !d.base(name) {
		return nil
	}
	at := d.canonical(name)
	if to, ok := d.diverted[at]; ok {
		if bare, _, _ := strings.Cut(owner, ":"); bare != to.except {
			at = to.to
		}
	}
	return d.targets[at]
}

// lists finds who has the files: one list of paths for each package. Without a
// sketch it reads all of them, and makes one.
func (d *deb) lists() {
	if d.sketch != nil {
		d.sketchedLists()
		return
	}
	var s sketcher
	names, err := folder(d.info, maxNames, func(name string) bool { return strings.HasSuffix(name, ".list") })
	d.check(err)
	for _, name := range names {
		owner := strings.TrimSuffix(name, ".list")
		d.list(owner, &s)
		s.end(owner)
	}
	d.made = s.made()
}

// sketchedLists reads the lists that may hold what is asked for.
func (d *deb) sketchedLists() {
	hashes := make([]uint64, 0, len(d.bases))
	for base := range d.bases {
		hashes = append(hashes, nameHash([]byte(base)))
	}
	for i := range d.sketch.lists {
		if l := &d.sketch.lists[i]; d.sketch.mayHold(l, hashes) {
			d.list(l.owner, nil)
		}
	}
}

// list reads the list of one package, and has it sketched where s is not nil.
func (d *deb) list(owner string, s *sketcher) {
	if err := d.in.open(filepath.Join(d.info, owner+".list"), maxList); err != nil {
		d.check(err)
		return
	}
	for d.in.next() {
		if s != nil {
			s.note(d.in.line)
		}
		if t := d.locate(d.in.line, owner); t != nil {
			d.claim(t, owner, d.in.line)
		}
	}
	d.check(d.in.close())
}

func (d *deb) claim(t *target, owner string, name []byte) *claim {
	c := &claim{owner: owner, vouch: fact.Vouch{Type: Deb}}
	t.claims = append(t.claims, c)
	d.owners[owner] = append(d.owners[owner], c)
	d.at[c] = strings.TrimPrefix(string(name), "/")
	return c
}

// sums reads the digests that one package brought.
func (d *deb) sums(path, owner string) {
	if err := d.in.open(path, maxList); err != nil {
		d.check(err)
		return
	}
	for d.in.next() {
		sum, name, ok := bytes.Cut(d.in.line, []byte("  "))
		if !ok || !d.base(name) {
			continue
		}
		d.digest(owner, name, sum)
	}
	d.check(d.in.close())
}

func (d *deb) digest(owner string, name, sum []byte) {
	name = bytes.TrimPrefix(name, []byte("/"))
	for _, c := range d.owners[owner] {
		if d.at[c] == string(name) {
			c.setHex("md5", sum, md5Size)
		}
	}
}

// packages reads from status what the owners are, in the state of the moment.
func (d *deb) packages() {
	err := d.in.open(filepath.Join(d.root, dpkgDir, "status"), maxStatus)
	if err != nil {
		d.check(err)
		return
	}
	d.found = true
	parseStatus(d.in, d.base, d.settle)
	d.check(d.in.close())
	for _, s := range dpkgUpdates(d.root, &list{ctx: d.ctx}) {
		d.settle(&s)
	}
}

// settle completes the claims of one package.
func (d *deb) settle(s *stanza) {
	for _, owner := range [...]string{s.Name, s.key()} {
		for _, c := range d.owners[owner] {
			c.vouch.Name, c.vouch.Version = s.Name, s.Version
			c.installed, c.unsettled = s.onDisk(), s.state == "half-installed"
		}
		for _, f := range s.files {
			d.digest(owner, []byte(f.path), []byte(f.sum))
		}
	}
}

// distroless reads status.d, where there are digests but no lists.
func (d *deb) distroless() {
	dir := filepath.Join(d.root, dpkgDir, "status.d")
	names, err := folder(dir, maxNames, func(name string) bool { return strings.HasSuffix(name, ".md5sums") })
	d.check(err)
	for _, name := range names {
		if err := d.in.open(filepath.Join(dir, name), maxList); err != nil {
			d.check(err)
			continue
		}
		owner := strings.TrimSuffix(name, ".md5sums")
		for d.in.next() {
			sum, name, ok := bytes.Cut(d.in.line, []byte("  "))
			if !ok || !d.base(name) {
				continue
			}
			if t := d.targets[d.canonical(name)]; t != nil {
				d.claim(t, owner, name).setHex("md5", sum, md5Size)
			}
		}
		d.check(d.in.close())
	}
	dpkgStatusD(d.root, d.in, func(string, error) { d.failed = true }, func(s *stanza, _ int64) {
		if s != nil {
			d.found = true
			d.settle(s)
		}
	})
}
