//go:build linux

package metric

import (
	"bytes"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/patience"
	"picket.internal/sensor/watch/internal/proc"
)

const (
	// maxMounts bounds how many lines of the mount table are looked at.
	maxMounts = 10_000
	// statfsPatience is how long a file system may take to say how full it
	// is, and maxLost how many may never have answered.
	statfsPatience = time.Second
	maxLost        = 4
	// maxPath bounds a mount point's path, so that a full list fits a fact.
	maxPath = 512
)

// mount is a line of proc_pid_mountinfo(5), as far as it matters here.
type mount struct {
	dev, path, kind string
}

// statfs asks how full the file system at path is.
type statfs func(path string) (fact.Filesystem, error)

func askKernel(path string) (fact.Filesystem, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return fact.Filesystem{}, err
	}
	block := uint64(max(st.Frsize, 0))
	return fact.Filesystem{
		Size: st.Blocks * block, Available: st.Bavail * block,
		Files: st.Files, FilesFree: st.Ffree, ReadOnly: st.Flags&unix.ST_RDONLY != 0,
	}, nil
}

// filesystems tells how full the file systems are that have storage of their
// own, each once, and how many were left out.
func (c *Collector) filesystems() (list []fact.Filesystem, omitted int) {
	seen := make(map[string]bool)
	for _, m := range parseMounts(c.proc.Mountinfo()) {
		if !stores(m) || seen[m.dev] {
			continue
		}
		seen[m.dev] = true
		if len(list) == maxList {
			omitted++
			continue
		}
		f, ok := patience.Do(c.gate, statfsPatience, func() *fact.Filesystem { return c.filesystem(m) })
		if !ok {
			omitted++
			continue
		}
		if f != nil {
			list = append(list, *f)
		}
	}
	return list, omitted
}

// filesystem is one of them; nil where it may not be asked, or holds nothing.
func (c *Collector) filesystem(m mount) *fact.Filesystem {
	f, err := c.cfg.statfs(m.path)
	if err != nil || f.Size == 0 {
		return nil
	}
	f.Type = text(m.kind)
	f.Path, _ = describe.Text(m.path, maxPath)
	return &f
}

// stores tells the kinds of file system that keep files on a disk of this
// host. Others have no storage of their own, are full by nature, or have a
// server or a program behind them that may never answer.
func stores(m mount) bool {
	switch m.kind {
	case "overlay":
		return m.path == "/" // a container's own
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs", "nilfs2",
		"vfat", "exfat", "ntfs", "ntfs3", "hfsplus", "ufs", "gfs2", "ocfs2", "ubifs", "jffs2":
		return true
	}
	return false
}

// parseMounts reads proc_pid_mountinfo(5): id, parent, device, root, mount
// point, options, any number of tags, a dash, the kind.
func parseMounts(data []byte) []mount {
	var all []mount
	for line := range bytes.Lines(data) {
		head, tail, ok := bytes.Cut(line, []byte(" - "))
		fields := bytes.SplitN(head, []byte(" "), 6)
		if !ok || len(fields) < 5 || len(all) == maxMounts {
			continue
		}
		kind, _, _ := strings.Cut(string(tail), " ")
		all = append(all, mount{dev: string(fields[2]), path: proc.Unescape(fields[4]), kind: strings.TrimSpace(kind)})
	}
	return all
}
