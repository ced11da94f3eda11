//go:build linux

package process_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
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

// fuse is a file system of one file, which can stop to answer. It runs in a
// process of its own: whoever starts a program from it waits for it with all
// that is in the same process.
type fuse struct {
	fd     int
	image  []byte
	silent atomic.Bool
}

// playFuse mounts one over a folder and serves it until standard input ends. A
// line there makes it silent.
func playFuse(dir string) error {
	image, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)
	if err := unix.Mount("picket", dir, "fuse", unix.MS_NODEV, opts); err != nil {
		return err
	}
	defer unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH) // which lets go of all who wait
	f := &fuse{fd: fd, image: image}
	go f.serve()
	fmt.Println("mounted")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		f.silent.Store(true)
		fmt.Println("silent")
	}
	return nil
}

// mountFuse has one served, and returns what makes it silent.
func mountFuse(t *testing.T, dir string) (hush func()) {
	t.Helper()
	testneed.Root(t)
	server := exec.Command("/proc/self/exe", dir)
	server.Env = []string{roleVar + "=fuse", "GORACE=atexit_sleep_ms=0"}
	var problem bytes.Buffer
	server.Stderr = &problem
	in, err := server.StdinPipe()
	must(t, err)
	out, err := server.StdoutPipe()
	must(t, err)
	must(t, server.Start())
	t.Cleanup(func() {
		in.Close()
		server.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		testneed.Missing(t, "needs /dev/fuse and the right to mount: "+problem.String())
	}
	return func() {
		fmt.Fprintln(in)
		lines.Scan()
	}
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
	dir := t.TempDir()
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH) }) // should the server be killed
	hush := mountFuse(t, dir)
	stuck := exec.Command(dir + "/exe")
	stuck.Env = []string{roleVar + "=wait", "GORACE=atexit_sleep_ms=0"}
	in, err := stuck.StdinPipe()
	must(t, err)
	must(t, stuck.Start())
	s := run(t, process.Config{})
	t.Cleanup(func() { // before the collector is waited for
		stuck.Process.Kill()
		unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH)
		in.Close()
		stuck.Wait()
	})
	hush()
	got := s.wait(t, "process", found(int64(stuck.Process.Pid)))
	if p := got.Process; p.HashStatus != fact.HashSkippedFS || p.Executable != dir+"/exe" || p.Hash != nil {
		t.Errorf("told as %+v", p)
	}
	again := run(t, process.Config{}) // from its start on, with nobody there who answers
	again.wait(t, "process", found(int64(stuck.Process.Pid)))
	began := time.Now()
	other := play(t, "wait", copySelf(t, "other", "x"))
	got = again.wait(t, "start", of(other.pid(), fact.ProcessStart))
	if took := time.Since(began); got.Process.HashStatus != fact.HashOK || took > 2*time.Second {
		t.Errorf("another process is told after %v with hash %s", took, got.Process.HashStatus)
	}
}
