// Package sshkey takes a public key out of the files that let it log in, and
// puts it back at its place.
//
// It looks into the files that sshd looks into for the users of /etc/passwd:
// .ssh/authorized_keys, .ssh/authorized_keys2 and what sshd_config names as
// AuthorizedKeysFile. Keys that come from a command, a directory service or a
// certificate authority are not seen.
//
// It must never change another byte of such a file, never follow a user's link
// to a file that is not that user's, and never take away the last way into the
// host without the host policy's word. Ways in are keys and passwords of
// accounts that are open, root's and those of the groups sudo, wheel and admin
// apart from the others: an administrator's key stays where no administrator
// could log in without it. That other lines of sudoers make somebody root, and
// that sshd_config keeps somebody out, is not known here.
package sshkey

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

const (
	mostBytes   = 16 << 20
	mostLines   = 1000
	mostSkipped = 100
	mostText    = 1 << 20 // of all lines that are taken out
)

// Args say which key, and whose.
type Args struct {
	Fingerprint string `json:"fingerprint"`    // as ssh-keygen -l says it: "SHA256:" and base64
	User        string `json:"user,omitempty"` // empty means all
}

// Record is what doing and undoing need.
type Record struct {
	Args    Args     `json:"args"`
	Files   []File   `json:"files"`
	Skipped []string `json:"skipped"` // the first files that could not be looked into, and why
}

// File is one file that has the key.
type File struct {
	Path   []byte `json:"path"`
	UID    uint32 `json:"uid"`    // whose links may be followed to it
	Before string `json:"before"` // SHA-256
	After  string `json:"after"`
	Lines  []Line `json:"lines"`
}

// Prepare looks for the key. anyway is the host policy's word that the last way
// into the host may be taken away. Codes: eat.bad_param, sshkey.no_user,
// sshkey.not_found, sshkey.unreadable, sshkey.too_large, sshkey.last_login.
func Prepare(root action.Root, args Args, anyway bool) (*Record, error) {
	sum, _ := strings.CutPrefix(args.Fingerprint, "SHA256:")
	if raw, err := base64.RawStdEncoding.Strict().DecodeString(sum); err != nil || len(raw) != 32 || len(args.Fingerprint) != len("SHA256:")+43 {
		return nil, action.Refuse("eat.bad_param", "%.80q is not SHA256: and the fingerprint of a key", args.Fingerprint)
	}
	r := &Record{Args: args, Files: []File{}, Skipped: []string{}}
	candidates, err := files(root, args.User)
	if err != nil {
		return nil, err
	}
	left, lines, text := map[string][]byte{}, 0, 0
	for _, c := range candidates {
		o, err := open(root, c.path, c.uid)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			continue
		}
		if err != nil {
			if len(r.Skipped) < mostSkipped {
				r.Skipped = append(r.Skipped, fmt.Sprintf("%.200q: %.200v", c.path, err))
			}
			continue
		}
		o.Close()
		rest, found := Remove(o.data, args.Fingerprint)
		if _, known := left[o.path]; known || len(found) == 0 {
			continue
		}
		left[o.path] = rest
		for _, l := range found {
			text += len(bytes.Join(l.Parts, nil))
		}
		if lines += len(found); lines > mostLines || text > mostText {
			return nil, action.Refuse("sshkey.too_large", "over %d lines or %d bytes have the key", mostLines, mostText)
		}
		r.Files = append(r.Files, File{[]byte(c.path), c.uid, action.Hash(o.data), action.Hash(rest), found})
	}
	switch {
	case len(r.Files) > 0:
		if !anyway {
			err = lastWay(root, left)
		}
		if err != nil {
			return nil, err
		}
		return r, nil
	case len(r.Skipped) > 0:
		return nil, action.Refuse("sshkey.unreadable", "%s is in no file that could be looked into, but not in all: %s", args.Fingerprint, r.skipped())
	}
	return nil, action.Refuse("sshkey.not_found", "%s is in no file of keys", args.Fingerprint)
}

func (r *Record) skipped() string {
	return fmt.Sprintf("%d or more skipped, %.400s", len(r.Skipped), strings.Join(r.Skipped, ", "))
}

// opened is a file of keys with its bytes.
type opened struct {
	action.Opened
	path string // without links
	data []byte
}

// open opens the file that path leads to. Links are followed where they are
// root's or the user's, as sshd would, but those of the user only to a file of
// that user.
func open(root action.Root, path string, uid uint32) (*opened, error) {
	path, linked, err := follow(root, path, uid)
	if err != nil {
		return nil, err
	}
	o := &opened{path: path}
	if o.Opened, err = root.Open(path); err != nil {
		return nil, err
	}
	if linked && o.Stat.Uid != uid {
		err = fmt.Errorf("a link of user %d leads to a file of user %d", uid, o.Stat.Uid)
	} else {
		o.data, err = action.Read(o.File, mostBytes)
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// Do takes the lines with the key out. Effect: lines, files, found, and skipped
// where there is a file that could not be looked into. Codes:
// sshkey.changed_since.
func (r *Record) Do(root action.Root) (action.Effect, error) {
	lines := 0
	for _, f := range r.Files {
		known := map[string]bool{}
		for _, l := range f.Lines {
			known[string(l.text())] = true
		}
		err := f.edit(root, func(data []byte) ([]byte, error) {
			rest, found := Remove(data, r.Args.Fingerprint)
			for _, l := range found {
				if !known[string(l.text())] {
					return nil, action.Refuse("sshkey.changed_since", "%q has the key in a line that it had not: prepare again", f.Path)
				}
			}
			return rest, nil
		})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return nil, err
		}
		lines += len(f.Lines)
	}
	again, err := Prepare(root, r.Args, true)
	var none *action.Refusal
	if !errors.As(err, &none) || none.Code != "sshkey.not_found" && none.Code != "sshkey.unreadable" {
		return nil, errors.Join(fmt.Errorf("the key is there again: %v", again), err)
	}
	effect := action.Effect{"lines": strconv.Itoa(lines), "files": strconv.Itoa(len(r.Files)), "found": "no more"}
	if len(r.Skipped) > 0 {
		effect["skipped"] = r.skipped()
	}
	return effect, nil
}

// Undo puts the lines back at their place, or at the end of a file that was
// changed since. Effect: files, moved (how many files have them at the end).
// Codes: sshkey.file_gone, after all other files have theirs.
func (r *Record) Undo(root action.Root) (action.Effect, error) {
	moved, gone := 0, []error{}
	for _, f := range r.Files {
		end := false
		err := f.edit(root, func(data []byte) (out []byte, err error) {
			out, end = f.restore(data)
			return out, nil
		})
		if errors.Is(err, unix.ENOENT) {
			gone = append(gone, action.Refuse("sshkey.file_gone", "%q is not there any more", f.Path))
		} else if err != nil {
			return nil, err
		}
		if end {
			moved++
		}
	}
	return action.Effect{"files": strconv.Itoa(len(r.Files)), "moved": strconv.Itoa(moved)}, errors.Join(gone...)
}

// edit replaces a file by what change makes of it. Where the user changes it
// at the same moment, it tries again.
func (f *File) edit(root action.Root, change func([]byte) ([]byte, error)) error {
	for try := 0; ; try++ {
		o, err := open(root, string(f.Path), f.UID)
		if err != nil {
			return err
		}
		data, err := change(o.data)
		if err == nil && !bytes.Equal(data, o.data) {
			err = action.Replace(o.Dir, o.Name, o.File, o.data, data)
		}
		o.Close()
		if !errors.Is(err, action.ErrChanged) || try == 100 {
			return err
		}
	}
}
