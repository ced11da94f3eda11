// Package file takes a file away from where it can do harm, and brings it back
// as it was.
//
// What is kept belongs to root, has no permissions, and lies in a folder that
// only root can enter. It is not encrypted, and a process that has it open can
// go on to read and write it: suspend or kill that first. Undo restores bytes,
// mode, owner, times, flags and extended attributes, but not the time of the
// last change of the inode nor, from another mount, the inode's number.
//
// It must never follow a symbolic link, never keep a file that is not the one
// that was decided on, and never write over what is in the file's old place.
package file

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

const (
	mostBytes  = 4 << 30
	mostXattrs = 1 << 20
	inner      = "file" // its name in a folder of its own
)

// Record is what doing and undoing need.
type Record struct {
	Path   []byte  `json:"path"` // may be no UTF-8
	SHA256 string  `json:"sha256"`
	ID     string  `json:"id"` // the name under which it is kept
	Dev    uint64  `json:"dev,string"`
	Inode  uint64  `json:"inode,string"`
	UID    uint32  `json:"uid"`
	GID    uint32  `json:"gid"`
	Mode   uint32  `json:"mode"`
	Flags  int     `json:"flags"` // of chattr(1)
	Times  []int64 `json:"times"` // of access and change: seconds and nanoseconds of each
	Xattrs []Xattr `json:"xattrs"`
}

// Xattr is an extended attribute, its value in parts that fit a text of JSON.
type Xattr struct {
	Name  []byte   `json:"name"`
	Parts [][]byte `json:"parts"`
}

// Prepare looks at the file at path, absolute and clean, which must have that
// SHA-256. Codes: eat.bad_param, quar.gone, quar.unsafe_path,
// quar.not_regular, quar.nlink, quar.changed, quar.too_large.
func Prepare(root action.Root, path, sha256 string) (*Record, error) {
	if !action.IsHash(sha256) {
		return nil, action.Refuse("eat.bad_param", "%.70q is no SHA-256", sha256)
	}
	o, err := root.Open(path)
	if err != nil {
		return nil, refusal(err)
	}
	defer o.Close()
	f, st := o.File, o.Stat
	r := &Record{Path: []byte(path), SHA256: sha256, ID: rand.Text(), Dev: st.Dev, Inode: st.Ino, UID: st.Uid, GID: st.Gid,
		Mode: st.Mode & 0o7777, Times: []int64{st.Atim.Sec, st.Atim.Nsec, st.Mtim.Sec, st.Mtim.Nsec}, Xattrs: []Xattr{}}
	if err := r.check(f); err != nil {
		return nil, err
	}
	if r.Flags, err = action.Flags(f); err != nil {
		return nil, err
	}
	xattrs, err := action.Xattrs(f)
	size := 0
	for name, value := range xattrs {
		size += len(name) + len(value)
		r.Xattrs = append(r.Xattrs, Xattr{[]byte(name), slices.AppendSeq([][]byte{}, slices.Chunk(value, 8<<10))})
	}
	if size > mostXattrs {
		err = action.Refuse("quar.too_large", "its extended attributes are over %d bytes", mostXattrs)
	}
	return r, err
}

func refusal(err error) error {
	code := ""
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		code = "quar.gone"
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.EXDEV):
		code = "quar.unsafe_path"
	case errors.Is(err, action.ErrNotRegular):
		code = "quar.not_regular"
	case errors.Is(err, unix.EFBIG):
		code = "quar.too_large"
	default:
		return err
	}
	return action.Refuse(code, "%v", err)
}

// check compares f with what was decided on.
func (r *Record) check(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Dev != r.Dev || st.Ino != r.Inode {
		return action.Refuse("quar.changed", "another file is at %q now", r.Path)
	}
	if st.Nlink > 1 {
		return action.Refuse("quar.nlink", "%q has %d names: taking one away leaves the others", r.Path, st.Nlink)
	}
	return r.same(f, "quar.changed")
}

func (r *Record) same(f *os.File, code string) error {
	sum, err := action.Digest(f, mostBytes)
	if err != nil {
		return refusal(err)
	}
	if sum != r.SHA256 {
		return action.Refuse(code, "%q has the SHA-256 %s and not %s", r.Path, sum, r.SHA256)
	}
	return nil
}

// places are the folders between which a file moves.
type places struct {
	store, dir, box *os.File
	name            string
	flags           int // that were taken off dir
}

// open opens where it is kept, where it was, and a folder of root's own beside
// that: what is in there nobody can exchange.
func (r *Record) open(root action.Root) (p places, err error) {
	if p.store, err = root.Folder("quarantine"); err != nil {
		return p, err
	}
	if p.dir, p.name, err = root.Parent(string(r.Path)); err == nil {
		p.flags, err = action.Loosen(p.dir)
	}
	if err == nil {
		p.box, err = action.Private(p.dir, ".picket-"+r.ID)
	}
	if err != nil {
		p.close(r)
		return p, refusal(err)
	}
	return p, nil
}

func (p places) close(r *Record) {
	if p.box != nil {
		unix.Unlinkat(int(p.dir.Fd()), ".picket-"+r.ID, unix.AT_REMOVEDIR) // stays while the file is in it
	}
	if p.dir != nil {
		action.Tighten(p.dir, p.flags) // what was done holds without it
	}
	for _, f := range []*os.File{p.store, p.dir, p.box} {
		f.Close()
	}
}

// Do takes the file away. Effect: state, sha256, kept (where it is now).
// Codes: as Prepare.
func (r *Record) Do(root action.Root) (action.Effect, error) {
	p, err := r.open(root)
	if err != nil {
		return nil, err
	}
	defer p.close(r)
	f, _, err := action.Regular(p.store, r.ID)
	if errors.Is(err, unix.ENOENT) {
		if err := r.take(p); err != nil {
			return nil, refusal(err)
		}
		f, _, err = action.Regular(p.store, r.ID)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := errors.Join(action.Dress(f, 0, 0, 0, nil), f.Sync(), p.store.Sync()); err != nil {
		return nil, err
	}
	if err := errors.Join(action.Unlink(p.box, inner), p.dir.Sync()); err != nil { // what was copied
		return nil, err
	}
	return action.Effect{"state": "quarantined", "sha256": r.SHA256, "kept": p.store.Name() + "/" + r.ID}, nil
}

// take moves whatever has the name into the box, and from there, if it is what
// was decided on, to where it is kept. If not, it goes back.
func (r *Record) take(p places) error {
	f, _, err := action.Regular(p.box, inner) // from a run that did not end
	if errors.Is(err, unix.ENOENT) {
		if err := r.loosen(p); err != nil {
			return err
		}
		if err := move(p.dir, p.name, p.box, inner); err != nil {
			return err
		}
		f, _, err = action.Regular(p.box, inner)
	}
	if err == nil {
		defer f.Close()
		err = r.check(f)
	}
	if err == nil {
		err = r.carry(f, p.box, inner, p.store, r.ID)
	}
	if err != nil {
		back := move(p.box, inner, p.dir, p.name)
		if back == nil && f != nil {
			back = action.Tighten(f, r.Flags)
		}
		if errors.Is(back, unix.EEXIST) {
			back = action.Refuse("quar.changed", "what was at %q is in the folder .picket-%s beside it, for there is something else again", r.Path, r.ID)
		}
		if errors.Is(err, action.ErrNotRegular) {
			err = action.Refuse("quar.changed", "%q is no file now", r.Path)
		}
		return errors.Join(err, back)
	}
	return nil
}

// loosen takes off the flags that keep a file from being moved, if it is it.
func (r *Record) loosen(p places) error {
	if r.Flags&action.Fixed == 0 {
		return nil
	}
	f, _, err := action.Regular(p.dir, p.name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.check(f); err != nil {
		return err
	}
	_, err = action.Loosen(f)
	return err
}

// Undo brings the file back. Effect: state, sha256. Codes: quar.occupied where
// something else is in its place, quar.damaged where what is kept has changed.
func (r *Record) Undo(root action.Root) (action.Effect, error) {
	p, err := r.open(root)
	if err != nil {
		return nil, err
	}
	defer p.close(r)
	if err := r.restore(p); err != nil {
		return nil, refusal(err)
	}
	return action.Effect{"state": "restored", "sha256": r.SHA256}, nil
}

func (r *Record) restore(p places) error {
	kept, _, err := action.Regular(p.store, r.ID)
	if err == nil {
		defer kept.Close()
		if err := r.same(kept, "quar.damaged"); err != nil {
			return err
		}
		if err := action.Unlink(p.box, inner); err != nil { // half of a copy
			return err
		}
		if err := unix.Faccessat(int(p.dir.Fd()), p.name, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW); err == nil {
			return r.occupied()
		}
		err = r.carry(kept, p.store, r.ID, p.box, inner)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	f, _, err := action.Regular(p.box, inner)
	if errors.Is(err, unix.ENOENT) { // it is back already
		if f, _, err = action.Regular(p.dir, p.name); err == nil {
			defer f.Close()
			err = errors.Join(r.same(f, "quar.occupied"), action.Tighten(f, r.Flags))
		}
		return err
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.dress(f); err != nil {
		return err
	}
	if err := move(p.box, inner, p.dir, p.name); errors.Is(err, unix.EEXIST) {
		return errors.Join(r.occupied(), r.carry(f, p.box, inner, p.store, r.ID), action.Dress(f, 0, 0, 0, nil))
	} else if err != nil {
		return err
	}
	return errors.Join(action.Tighten(f, r.Flags), p.dir.Sync(), p.store.Sync())
}

func (r *Record) occupied() error {
	return action.Refuse("quar.occupied", "something else is at %q: move it away first", r.Path)
}

// dress gives f all that the file had.
func (r *Record) dress(f *os.File) error {
	xattrs := map[string][]byte{}
	for _, x := range r.Xattrs {
		xattrs[string(x.Name)] = bytes.Join(x.Parts, nil)
	}
	if err := errors.Join(action.Dress(f, r.UID, r.GID, r.Mode, xattrs), f.Sync()); err != nil {
		return err
	}
	times := []unix.Timespec{{Sec: r.Times[0], Nsec: r.Times[1]}, {Sec: r.Times[2], Nsec: r.Times[3]}}
	return unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), times, 0)
}
