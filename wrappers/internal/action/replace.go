package action

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrChanged is that a file changed while it was about to be replaced.
var ErrChanged = errors.New("it changed meanwhile")

// Xattrs are all extended attributes of f: ACLs, capabilities and labels too.
// Source: xattr(7).
func Xattrs(f *os.File) (map[string][]byte, error) {
	fd, names := int(f.Fd()), make([]byte, 64<<10) // XATTR_LIST_MAX
	n, err := unix.Flistxattr(fd, names)
	if err != nil && err != unix.ENOTSUP {
		return nil, fmt.Errorf("listing extended attributes: %w", err)
	}
	all := map[string][]byte{}
	for name := range bytes.SplitSeq(names[:max(n, 0)], []byte{0}) {
		if len(name) == 0 {
			continue
		}
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX
		n, err := unix.Fgetxattr(fd, string(name), value)
		if err != nil {
			return nil, fmt.Errorf("reading the extended attribute %s: %w", name, err)
		}
		all[string(name)] = value[:n]
	}
	return all, nil
}

// Dress gives f an owner, extended attributes and a mode, in the order in
// which none of them undoes another: a change of owner drops capabilities. What
// other attributes it has go, as those that a folder gives to new files, unless
// xattrs is nil.
func Dress(f *os.File, uid, gid, mode uint32, xattrs map[string][]byte) error {
	fd := int(f.Fd())
	if err := unix.Fchown(fd, int(uid), int(gid)); err != nil {
		return fmt.Errorf("setting the owner: %w", err)
	}
	if xattrs != nil {
		has, err := Xattrs(f)
		if err != nil {
			return err
		}
		for name := range has {
			if _, wanted := xattrs[name]; !wanted {
				err = errors.Join(err, unix.Fremovexattr(fd, name))
			}
		}
		if err != nil {
			return fmt.Errorf("removing extended attributes: %w", err)
		}
	}
	for name, value := range xattrs {
		if err := unix.Fsetxattr(fd, name, value, 0); err != nil {
			return fmt.Errorf("setting the extended attribute %s: %w", name, err)
		}
	}
	if err := unix.Fchmod(fd, mode&0o7777); err != nil {
		return fmt.Errorf("setting the mode: %w", err)
	}
	return nil
}

// Replace puts data in the place of old, which is the open file at name in
// dir, with its owner, mode, flags and extended attributes. The two are
// exchanged, and what then comes out is looked at: if it is not old with the
// bytes was, it is put back and the error is ErrChanged.
func Replace(dir *os.File, name string, old *os.File, was, data []byte) (err error) {
	var st, out unix.Stat_t
	if err := unix.Fstat(int(old.Fd()), &st); err != nil {
		return err
	}
	xattrs, err := Xattrs(old)
	if err != nil {
		return err
	}
	above, err := Loosen(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, Tighten(dir, above)) }()
	beside, fd := "."+name+".picket", int(dir.Fd())
	if err := Unlink(dir, beside); err != nil { // of a run that did not end
		return err
	}
	f, err := OpenAt(dir, beside, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	defer unix.Unlinkat(fd, beside, 0)
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := errors.Join(Dress(f, st.Uid, st.Gid, st.Mode, xattrs), f.Sync()); err != nil {
		return err
	}
	flags, err := Loosen(old)
	if err != nil {
		return err
	}
	if err := unix.Renameat2(fd, beside, fd, name, unix.RENAME_EXCHANGE); err != nil {
		return errors.Join(fmt.Errorf("replacing %s: %w", name, err), Tighten(old, flags))
	}
	now, err := Read(old, int64(len(was)))
	err = errors.Join(err, unix.Fstatat(fd, beside, &out, unix.AT_SYMLINK_NOFOLLOW))
	if err != nil || out.Dev != st.Dev || out.Ino != st.Ino || !bytes.Equal(now, was) {
		return errors.Join(ErrChanged, unix.Renameat2(fd, beside, fd, name, unix.RENAME_EXCHANGE), Tighten(old, flags))
	}
	return errors.Join(Tighten(f, flags), dir.Sync())
}
