//go:build linux

package proc

import (
	"strings"

	"golang.org/x/sys/unix"
)

// mark is what the kernel puts behind the path of an image whose name in its
// directory is gone. A file may also just be called so.
const mark = " (deleted)"

// resolveCached is RESOLVE_CACHED of openat2(2).
const resolveCached = 0x20

// path is the image's path without the kernel's mark.
func (d *Dir) path(im Image) string {
	bare, marked := strings.CutSuffix(im.Text, mark)
	if !marked {
		return im.Text
	}
	// Without any name left, the mark is the kernel's. With one left, either
	// the file is really called so, or this one of its names is gone.
	if im.Links == 0 || !d.named(im) {
		return bare
	}
	return im.Text
}

// named tells whether the image is found under the link's text, as the
// process itself would look it up.
func (d *Dir) named(im Image) bool {
	if d.Slow(im) {
		return false
	}
	root, err := unix.Openat(d.fd, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(root)
	// A running image's path is in the kernel's cache; what is not there might
	// have to be asked of a server or a FUSE daemon, and may not answer.
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | resolveCached,
	}
	fd, err := unix.Openat2(root, im.Text, &how)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Dev == im.File.Dev && st.Ino == im.File.Inode
}

// ExePath is the path of the image that the process runs, raw bytes.
func (d *Dir) ExePath() (string, error) {
	im, err := d.Exe()
	if err != nil {
		return "", err
	}
	return d.path(im), nil
}
