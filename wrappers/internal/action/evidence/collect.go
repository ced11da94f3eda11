package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

const (
	mostTable  = 4 << 20 // of a table of sockets
	mostLogins = 500
	record     = 384 // bytes of struct utmp with 32-bit times, as on Linux. Source: utmp(5)
)

// read is the start of a file of /proc.
func (b *bundle) read(path string, most int64) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, most+1))
	if int64(len(data)) > most {
		b.cut[path[:min(len(path), 10)]+": longer than is read"]++
		data = data[:most]
	}
	return data
}

func (b *bundle) sockets() {
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		for i, line := range bytes.Split(b.read("/proc/1/net/"+table, mostTable), []byte("\n")) {
			if i > 0 && len(line) > 0 {
				b.add(item{Kind: "socket", Table: table, Line: line})
			}
		}
	}
}

func (b *bundle) processes() {
	pids, err := action.PIDs()
	if err != nil {
		b.cut["process: "+err.Error()]++
	}
	for _, pid := range pids {
		p, err := action.OpenProcess(pid)
		if err != nil {
			continue // it has ended
		}
		i := item{Kind: "process", PID: pid, Parent: p.Parent, Start: p.Start}
		at := fmt.Sprintf("/proc/%d/", pid)
		_, status, _ := bytes.Cut(b.read(at+"status", 8<<10), []byte("\nUid:\t"))
		i.UID, _, _ = bytes.Cut(status, []byte("\n"))
		i.Args = b.read(at+"cmdline", 8<<10)
		if path, err := os.Readlink(at + "exe"); err == nil {
			i.Path = []byte(path)
			i.SHA256, i.Why = b.hash(at + "exe")
		}
		i.Socket = b.held(at + "fd")
		if !p.Ended(0) { // else its number may be another's by now
			b.add(i)
		}
		p.Close()
	}
}

// held are the inodes of the sockets that a process has open.
func (b *bundle) held(path string) (inodes []string) {
	dir, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(4096)
	for _, name := range names {
		target, _ := os.Readlink(path + "/" + name)
		if inode, ok := strings.CutPrefix(target, "socket:["); ok && len(inodes) < 1000 {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	if len(names) == 4096 || len(inodes) == 1000 {
		b.cut["process: more open files than are told"]++
	}
	return inodes
}

// hash hashes what a magic link of /proc leads to, once for all processes that
// run it.
func (b *bundle) hash(path string) (sum, why string) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err.Error()
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	var fs unix.Statfs_t
	switch err := errors.Join(unix.Fstat(fd, &st), unix.Fstatfs(fd, &fs)); {
	case err != nil:
		return "", err.Error()
	case st.Mode&unix.S_IFMT != unix.S_IFREG || fs.Type == unix.FUSE_SUPER_MAGIC || st.Size > mostHashed:
		return "", "not hashed: too large, or on a file system that may never answer"
	case time.Now().After(b.end):
		return "", "not hashed: no time"
	}
	key := [4]int64{int64(st.Dev), int64(st.Ino), st.Ctim.Nano(), st.Size}
	if sum, ok := b.hashes[key]; ok {
		return sum, ""
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return "", err.Error()
	}
	defer f.Close()
	if sum, err = action.Digest(f, mostHashed); err != nil {
		return "", err.Error()
	}
	b.hashes[key] = sum
	return sum, ""
}

// logins are the last records of who is and who was logged in.
func (b *bundle) logins(root action.Root) {
	for table, path := range map[string]string{"utmp": "/run/utmp", "wtmp": "/var/log/wtmp"} {
		f, st, err := open(root, path)
		if err != nil {
			b.cut["login: "+table+" cannot be read"]++
			continue
		}
		records := st.Size / record
		if records > mostLogins {
			b.cut["login: older records of "+table] = int(records - mostLogins)
		}
		for n := max(0, records-mostLogins); n < records; n++ {
			line := make([]byte, record)
			if _, err := f.ReadAt(line, n*record); err == nil {
				b.add(item{Kind: "login", Table: table, Line: line})
			}
		}
		f.Close()
	}
}

func open(root action.Root, path string) (*os.File, unix.Stat_t, error) {
	dir, name, err := root.Parent(path)
	if err != nil {
		return nil, unix.Stat_t{}, err
	}
	defer dir.Close()
	return action.Regular(dir, name)
}

// file tells of a file and, as far as there is room, what is in it.
func (b *bundle) file(root action.Root, path string) {
	f, st, err := open(root, path)
	if err != nil {
		b.add(item{Kind: "file", Path: []byte(path), Why: fmt.Sprintf("%.500v", err)})
		return
	}
	defer f.Close()
	i := item{Kind: "file", Path: []byte(path), Size: st.Size, Mode: st.Mode, Owner: st.Uid, Mtime: st.Mtim.Sec}
	if i.SHA256, i.Why = b.hash(fmt.Sprintf("/proc/self/fd/%d", f.Fd())); !b.add(i) {
		return
	}
	data := make([]byte, part)
	for at := int64(0); ; at += part {
		n, err := f.ReadAt(data, at)
		if n > 0 && !b.add(item{Kind: "content", Path: i.Path, Offset: at, Data: data[:n]}) || err != nil {
			return
		}
	}
}
