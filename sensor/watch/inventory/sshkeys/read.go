//go:build linux

package sshkeys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/inventory"
)

const (
	// maxKeys is how many keys of one file are told: no account may crowd out
	// the others.
	maxKeys     = 5_000
	costName    = 256
	costPath    = 4 << 10
	costComment = 128
	costOptions = 8 << 10
)

// A key of 16,384 bits takes 2,800 characters; options may hold a command.
var keyBounds = regular.Bounds{Bytes: 32 << 20, Line: 32 << 10}

// owner is whose file it should be, by sshd's own measure: StrictModes takes
// only what belongs to the account or to root, and sshd reads as the account.
type owner struct {
	uid, gid uint32
	loose    bool // StrictModes no
	any      bool // a file of sshd itself
}

// keyFile is what one file holds.
type keyFile struct {
	keys                  []key
	malformed, over       int64
	err                   error
	foreign, tooLargeFile bool
}

// readKeys reads a file of authorized keys. A symbolic link is followed, as
// sshd does; what it leads to counts only where sshd would take it, so that
// nobody makes the sensor tell of files that he cannot read himself.
func readKeys(path string, o owner) keyFile {
	var out keyFile
	f, st, err := regular.Open(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			out.err = err
		}
		return out
	}
	defer f.Close()
	if !o.takes(st) {
		out.foreign = true
		return out
	}
	seen := make(map[string]int)
	lack, err := regular.EachLine(f, keyBounds, func(line []byte) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			return
		}
		k, ok := parseKey(line)
		if !ok {
			out.malformed++
			return
		}
		if at, twice := seen[k.fingerprint]; twice {
			out.keys[at].again(k)
			return
		}
		if len(out.keys) == maxKeys {
			out.over++
			return
		}
		seen[k.fingerprint] = len(out.keys)
		out.keys = append(out.keys, k)
	})
	out.malformed += lack.Long
	out.err, out.tooLargeFile = err, lack.Cut
	return out
}

// takes tells whether sshd would use a file with this status for the account.
func (o owner) takes(st *unix.Stat_t) bool {
	switch {
	case o.any:
		return true
	case st.Uid != o.uid && st.Uid != 0 && !o.loose:
		return false
	case o.uid == 0 || st.Uid == o.uid:
		return true
	case st.Gid == o.gid:
		return st.Mode&0o040 != 0
	}
	return st.Mode&0o004 != 0
}

// again notes a further line of the same key. sshd goes on to it where the
// options of the first do not fit, so they are told with those.
func (k *key) again(other key) {
	if slices.Equal(k.options, other.options) || len(k.options) > 64 {
		return
	}
	also := "also: " + strings.Join(other.options, ",")
	if !slices.Contains(k.options, also) {
		k.options = append(k.options, also)
	}
}

// reading gathers one reading.
type reading struct {
	inventory.Reading
	root string
	seen map[[2]string]*fact.SSHKey // by path and account together, and fingerprint
	over int64
}

// hostKeys reads the public halves of the host's keys.
func (r *reading) hostKeys(c *config) {
	var paths []string
	for _, name := range names(filepath.Join(r.root, "etc/ssh")) {
		if strings.HasPrefix(name, "ssh_host_") && strings.HasSuffix(name, "_key.pub") {
			paths = append(paths, "/etc/ssh/"+name)
		}
	}
	for _, path := range c.hostKeys {
		paths = add(paths, path+".pub")
	}
	slices.Sort(paths)
	for _, path := range paths {
		f := readKeys(filepath.Join(r.root, path), owner{any: true})
		r.note(f, path)
		for _, k := range f.keys {
			r.add(k, fact.SSHKey{Use: "host", Path: plain(path, costPath)})
		}
	}
}

// take tells the keys of a file that lets into an account.
func (r *reading) take(f keyFile, path, user string, always ...string) {
	r.note(f, path)
	for _, k := range f.keys {
		k.options = append(always, k.options...)
		r.add(k, fact.SSHKey{Use: "authorized", Path: plain(path, costPath), Account: plain(user, costName)})
	}
}

// note tells what a file does not give.
func (r *reading) note(f keyFile, path string) {
	path = plain(path, costPath)
	if f.err != nil {
		r.gap(fact.LossUnreadable, 1, fmt.Sprintf("read %s: %s", path, why(f.err)))
	}
	if f.foreign {
		r.gap(fact.LossUnreadable, 1, fmt.Sprintf("%s belongs to another account, or may not be read by its own: sshd does not use it", path))
	}
	r.gap(fact.LossMalformed, f.malformed, fmt.Sprintf("lines of %s are no keys, or too long", path))
	if f.tooLargeFile {
		f.over++
	}
	r.gap(fact.LossInventory, f.over, fmt.Sprintf("%s holds more keys than the sensor tells", path))
}

// add tells a key, once.
func (r *reading) add(k key, s fact.SSHKey) {
	id := [2]string{s.Path + "\x00" + s.Account, k.fingerprint}
	if r.seen[id] != nil {
		return
	}
	if len(r.seen) == inventory.MaxEntities {
		r.over++
		return
	}
	s.Fingerprint, s.Type, s.Bits = k.fingerprint, k.kind, k.bits
	s.Comment = plain(hide(k.comment), costComment)
	left := costOptions
	for _, o := range k.options {
		o = plain(hide(o), left)
		if left -= 6*len(o) + 3; left < 0 {
			o = "and more"
		}
		if s.Options = append(s.Options, o); left < 0 {
			break
		}
	}
	r.seen[id] = &s
	r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindSSHKey, SSHKey: &s})
}

// hide takes out what looks like a key: every one begins with the length of its
// type's name. Nobody stops an account from writing one where a comment goes.
func hide(s string) string {
	const mark, least = "AAAA", 40
	for from := 0; ; {
		at := strings.Index(s[from:], mark)
		if at < 0 {
			return s
		}
		at += from
		end := at
		for end < len(s) && isBase64(s[end]) {
			end++
		}
		if from = end; end-at >= least {
			s = s[:at] + "(key)" + s[end:]
			from = at
		}
	}
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}

// gap notes what is missing. Of a cause, the first reason is told.
func (r *reading) gap(cause string, count int64, reason string) {
	if count == 0 {
		return
	}
	for i := range r.Gaps {
		if g := &r.Gaps[i]; g.Cause == cause {
			g.Count += count
			return
		}
	}
	r.Gaps = append(r.Gaps, inventory.Gap{Of: fact.KindSSHKey, Cause: cause, Count: count, Reason: reason})
}

func (r *reading) done() *inventory.Reading {
	r.gap(fact.LossInventory, r.over, "there are more keys than the sensor keeps")
	return &r.Reading
}
