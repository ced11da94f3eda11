//go:build linux

package packagedb

import (
	"bytes"
	"encoding/base64"
	"path/filepath"

	"picket.internal/fact"
)

// apkFiles are where apk keeps what is installed, the second since Alpine
// merged /usr.
var apkFiles = [...]string{apkOld, apkNew}

const (
	apkOld = "lib/apk/db/installed"
	apkNew = "usr/lib/apk/db/installed"
)

// maxInstalled is the largest file of installed packages, in bytes.
const maxInstalled = 256 << 20

// apkStanza is one package as apk writes it: one letter, a colon and the
// value a line, with the files below the package that brings them.
type apkStanza struct {
	Package
	dir  []byte // of the files that follow
	bad  bool
	some bool
}

// parseInstalled reads apk's database (apk-tools' db/installed) and calls each
// with every package. file is called with the path of each file, and then sum
// with what its Z line holds, if it has one; nil means that nobody asks. It
// returns how many packages were malformed.
func parseInstalled(l *lines, file func(path []byte), sum func(z []byte), each func(*apkStanza)) (bad int64) {
	var s apkStanza
	var path []byte
	flush := func() {
		if s.some && (s.bad || s.Name == "" || s.Version == "") {
			s.bad = true
			bad++
		}
		if s.some {
			each(&s)
		}
		s = apkStanza{dir: s.dir[:0]}
	}
	for l.next() {
		line := bytes.TrimSuffix(l.line, []byte("\r"))
		if len(line) == 0 {
			flush()
			continue
		}
		s.some = true
		if len(line) < 2 || line[1] != ':' {
			s.bad = true
			continue
		}
		value := line[2:]
		switch line[0] {
		case 'P', 'V', 'A':
			s.set(line[0], value, l.long)
		case 'F':
			s.dir = append(s.dir[:0], value...)
		case 'R':
			if file != nil && !l.long {
				path = append(append(path[:0], '/'), s.dir...)
				if len(s.dir) > 0 {
					path = append(path, '/')
				}
				path = append(path, value...)
				file(path)
			}
		case 'Z':
			if sum != nil {
				sum(value)
			}
		}
	}
	flush()
	return bad
}

func (s *apkStanza) set(field byte, value []byte, long bool) {
	to := &s.Name
	switch field {
	case 'V':
		to = &s.Version
	case 'A':
		to = &s.Architecture
	}
	var ok bool
	*to, ok = text(value)
	s.bad = s.bad || !ok || long
}

// apkOpen opens the one database there is: where both paths lead to a file,
// one of them is a link.
func apkOpen(root string, in *lines) (path string, err error) {
	for _, name := range apkFiles {
		path = filepath.Join(root, name)
		if err = in.open(path, maxInstalled); err == nil || !absent(err) {
			return path, err
		}
	}
	return path, err
}

func apkPackages(root string, l *list) {
	in := newLines(l.ctx)
	path, err := apkOpen(root, in)
	if err != nil {
		if !absent(err) {
			l.fail("reading installed of apk", err, true)
		}
		return
	}
	l.bad += parseInstalled(in, nil, nil, func(s *apkStanza) {
		if !s.bad {
			l.add(s.Package)
		}
	})
	if err := in.close(); err != nil {
		l.fail("reading "+path, err, true)
	}
}

// apk finds who has the files that are asked for.
func (p *pass) apk() {
	in := newLines(p.ctx)
	if _, err := apkOpen(p.root, in); err != nil {
		p.failed = p.failed || !absent(err)
		return
	}
	p.found = true
	var mine []*claim
	var last *claim
	parseInstalled(in, func(path []byte) {
		last = nil
		if t := p.at(path); t != nil {
			last = &claim{vouch: fact.Vouch{Type: APK}}
			t.claims = append(t.claims, last)
			mine = append(mine, last)
		}
	}, func(z []byte) {
		if last != nil {
			last.setZ(z)
		}
	}, func(s *apkStanza) {
		for _, c := range mine {
			c.vouch.Name, c.vouch.Version, c.installed = s.Name, s.Version, !s.bad
		}
		mine, last = mine[:0], nil
	})
	p.failed = in.close() != nil || p.failed
}

// setZ takes a digest as apk writes it: Q1 and the SHA-1 in base64, or Q2 and
// the SHA-256; before apk 2.0 the MD5 in hexadecimal digits.
func (c *claim) setZ(z []byte) {
	kind, value := z[:min(2, len(z))], z[min(2, len(z)):]
	algorithm, size := "", 0
	switch string(kind) {
	case "Q1":
		algorithm, size = "sha1", 20
	case "Q2":
		algorithm, size = "sha256", 32
	default:
		c.setHex("md5", z, md5Size)
		return
	}
	if len(value) > 64 {
		return
	}
	sum, err := base64.StdEncoding.DecodeString(string(value))
	if err == nil && len(sum) == size {
		c.vouch.Algorithm, c.sum = algorithm, sum
	}
}
