//go:build linux

package files

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
)

// content fills in what only an open file tells: its hash, capabilities and
// extended attributes. One of which nothing has changed is not opened.
func (w *walk) content(dir int, name, full string, st *unix.Stat_t, f *fact.File) error {
	f.Size = uint64(max(st.Size, 0))
	f.MTime = time.Unix(st.Mtim.Unix()).UTC().Format(time.RFC3339Nano)
	key := digest.KeyOf(st)
	if was, ok := w.old[full]; ok && was.key == key {
		w.now[full] = was
		f.Hash, f.HashStatus, f.Capabilities, f.Xattrs = &fact.Hash{SHA256: was.hash}, fact.HashOK, was.caps, was.xattrs
		return nil
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
	case unix.ENOENT, unix.ELOOP:
		return errChanged
	default:
		f.HashStatus = fact.HashUnreadable
		return nil
	}
	w.opened++
	file := os.NewFile(uintptr(fd), full)
	defer file.Close()
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil || digest.KeyOf(&now) != key || now.Mode != st.Mode {
		return errChanged
	}
	f.Capabilities, f.Xattrs = attributes(fd)
	began := w.cfg.now()
	var sum string
	sum, f.HashStatus = w.hash(file, st.Size)
	if f.HashStatus != fact.HashOK {
		return nil
	}
	if err := unix.Fstat(fd, &now); err != nil || digest.KeyOf(&now) != key {
		return errChanged // written to while it was read: half of this, half of that
	}
	f.Hash = &fact.Hash{SHA256: sum}
	if digest.Settled(key, began) {
		w.now[full] = seen{key: key, hash: sum, caps: f.Capabilities, xattrs: f.Xattrs}
	}
	return nil
}

// hash hashes a file within the bounds.
func (w *walk) hash(file *os.File, size int64) (sum, status string) {
	switch {
	case size > w.cfg.MaxSize:
		return "", fact.HashTooLarge
	case size > w.budget && w.budget < w.cfg.Budget, time.Now().After(w.until):
		return "", fact.HashDeferred
	}
	w.budget -= size
	sum, err := digest.Reader(file, w.cfg.MaxSize, w.until)
	switch {
	case err == nil:
		return sum, fact.HashOK
	case digest.IsTooLarge(err):
		return "", fact.HashTooLarge
	case time.Now().After(w.until):
		return "", fact.HashTimeout
	}
	return "", fact.HashUnreadable
}
