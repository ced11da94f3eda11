//go:build linux

package process_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/process"
)

// Requests of the FUSE protocol, as in linux/fuse.h.
const (
	fuseLookup  = 1
	fuseForget  = 2
	fuseGetattr = 3
	fuseOpen    = 14
	fuseRead    = 15
	fuseRelease = 18
	fuseFlush   = 25
	fuseInit    = 26
)

// fuse is a file system of one file, which can stop to answer.
type fuse struct {
	fd     int
	image  []byte
	silent atomic.Bool
	asked  atomic.Int64 // since it is silent
}

// mountFuse mounts one and returns the folder.
func mountFuse(t *testing.T, image []byte) (*fuse, string) {
	t.Helper()
	testneed.Root(t)
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		testneed.Missing(t, fmt.Sprintf("needs /dev/fuse: %v", err))
	}
	f := &fuse{fd: fd, image: image}
	dir := t.TempDir()
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)
	if err := unix.Mount("picket", dir, "fuse", unix.MS_NODEV, opts); err != nil {
		unix.Close(fd)
		testneed.Missing(t, fmt.Sprintf("needs the right to mount: %v", err))
	}
	t.Cleanup(func() {
		unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH) // which lets go of all who wait
		unix.Close(fd)
	})
	go f.serve()
	return f, dir
}

func (f *fuse) serve() {
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.Read(f.fd, buf)
		if err == unix.EINTR || err == unix.ENOENT {
			continue
		}
		if err != nil || n < 40 {
			return
		}
		if f.silent.Load() {
			f.asked.Add(1)
			continue
		}
		f.answer(binary.NativeEndian.Uint32(buf[4:]), binary.NativeEndian.Uint64(buf[8:]), binary.NativeEndian.Uint64(buf[16:]), buf[40:n])
	}
}

func (f *fuse) answer(op uint32, unique, node uint64, in []byte) {
	var out any
	var data []byte
	errno := int32(0)
	switch op {
	case fuseForget:
		return
	case fuseInit:
		out = struct{ Major, Minor, Readahead, Flags, Background, Write, Gran, Pages, Flags2, U1, U2, U3, U4, U5, U6, U7 uint32 }{Major: 7, Minor: 31, Write: 1 << 16}
	case fuseLookup:
		out = struct {
			Node, Generation, EntryValid, AttrValid uint64
			EntryNsec, AttrNsec                     uint32
			Attr                                    fuseAttr
		}{Node: 2, EntryValid: 3600, Attr: f.attr(2)}
	case fuseGetattr:
		out = struct {
			Valid       uint64
			Nsec, Dummy uint32
			Attr        fuseAttr
		}{Attr: f.attr(node)}
	case fuseOpen:
		out = struct{ FH, Flags uint64 }{}
	case fuseRead:
		at := min(binary.NativeEndian.Uint64(in[8:]), uint64(len(f.image)))
		data = f.image[at:min(at+uint64(binary.NativeEndian.Uint32(in[16:])), uint64(len(f.image)))]
	case fuseRelease, fuseFlush:
	default:
		errno = -int32(unix.ENOSYS)
	}
	var b bytes.Buffer
	if out != nil {
		binary.Write(&b, binary.NativeEndian, out)
	}
	b.Write(data)
	head := binary.NativeEndian.AppendUint32(nil, uint32(16+b.Len()))
	head = binary.NativeEndian.AppendUint32(head, uint32(errno))
	head = binary.NativeEndian.AppendUint64(head, unique)
	unix.Write(f.fd, append(head, b.Bytes()...))
}

type fuseAttr struct {
	Ino, Size, Blocks, Atime, Mtime, Ctime                           uint64
	Ansec, Mnsec, Cnsec, Mode, Nlink, UID, GID, Rdev, Blksize, Flags uint32
}

func (f *fuse) attr(node uint64) fuseAttr {
	if node == 1 {
		return fuseAttr{Ino: 1, Mode: unix.S_IFDIR | 0o755, Nlink: 2}
	}
	return fuseAttr{Ino: 2, Size: uint64(len(f.image)), Mode: unix.S_IFREG | 0o755, Nlink: 1, Mtime: 1, Ctime: 1}
}

// TestThreat_S6_FuseThatDoesNotAnswer: an executable lies on a file system
// whose program answers nobody. It is not asked, and nobody else waits.
func TestThreat_S6_FuseThatDoesNotAnswer(t *testing.T) {
	image, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	f, dir := mountFuse(t, image)
	stuck := play(t, "wait", dir+"/exe")
	t.Cleanup(func() { stuck.Process.Kill(); unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH) })
	time.Sleep(200 * time.Millisecond) // until it has what it needs to wait
	f.silent.Store(true)
	asked := f.asked.Load()
	s := run(t, process.Config{})
	got := s.wait(t, "process", found(stuck.pid()))
	if p := got.Process; p.HashStatus != fact.HashSkippedFS || p.Executable != dir+"/exe" || p.Hash != nil {
		t.Errorf("told as %+v", p)
	}
	began := time.Now()
	other := play(t, "wait", copySelf(t, "other", "x"))
	got = s.wait(t, "start", of(other.pid(), fact.ProcessStart))
	if took := time.Since(began); got.Process.HashStatus != fact.HashOK || took > 2*time.Second {
		t.Errorf("another process is told after %v with hash %s", took, got.Process.HashStatus)
	}
	if n := f.asked.Load() - asked; n != 0 {
		t.Logf("the file system was asked %d times, by the process itself", n)
	}
}
