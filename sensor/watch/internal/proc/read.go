//go:build linux

package proc

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Reading is all that is read of one process at one moment.
type Reading struct {
	PID int32
	Stat
	IDs       IDs
	Caps      Caps
	Groups    []uint32 // supplementary
	Login     uint32   // who logged in
	LoggedIn  bool     // whether anybody did, and it is known
	Owned     bool     // whether IDs could be read
	Args      [][]byte // raw bytes
	ArgsCut   bool
	Image     Image
	Pin       Pin  // NoPin but where the reading holds on to the image
	HasImage  bool // false for kernel threads, processes that ended, and where it may not be read
	InMemory  bool
	Here      bool   // the image lies on a mount of the sensor's own namespace
	System    string // the kind of file system that holds the image; empty where that cannot be told
	Path      string // of the image, raw bytes, without the kernel's mark
	Cwd       string // raw bytes
	Container string
	Unit      string
	// Unreadable names what the sensor may not read, as in exe:EACCES.
	Unreadable []string
}

// Deleted tells whether the image's last name is gone.
func (r *Reading) Deleted() bool { return r.HasImage && r.Image.Links == 0 }

// attempts is how often a process is read that keeps executing other images
// while it is read.
const attempts = 3

// ErrUnsettled says that a process executed other images for as long as it was
// read. It may be read later.
var ErrUnsettled = errors.New("process executes other images faster than it can be read")

// Read reads the process whole. The image of one moment is not mixed with the
// name, the arguments or the owners of another: what changes while it is read
// is read again, and what no look afterwards confirms is not returned. ErrGone
// says that the process ended before that look. One that is ending already
// executes nothing any more, and is returned with what there is.
func (d *Dir) Read() (*Reading, error) {
	var buf [1024]byte
	before, err := d.Stat(buf[:])
	if err != nil {
		return nil, err
	}
	for range attempts {
		r := d.read(before)
		after, err := d.Stat(buf[:])
		if before.Ending() || err == nil && after.SameImage(&before) && !r.halfway() {
			r.readPlace(d)
			return r, nil
		}
		r.Release()
		if err != nil {
			return nil, err
		}
		before = after
	}
	return nil, ErrUnsettled
}

// read reads what executing another image changes. The less there is of it,
// the fewer processes end before it is confirmed.
func (d *Dir) read(s Stat) *Reading {
	r := &Reading{PID: d.PID, Stat: s, Pin: NoPin}
	if !r.Kernel() && !r.Ended() { // what is gone first comes first
		r.readImage(d)
		var err error
		r.Args, r.ArgsCut, err = d.Args()
		r.note("args", err)
	}
	r.readStatus(d)
	return r
}

// halfway tells whether the process was about to execute the image and may
// still have had the name and the owners of the one before. In
// begin_new_exec the kernel shows the new image first. Taking the old memory
// apart, the new name and the new owners follow, and where the code, the stack
// and the arguments are is known only at the end of load_elf_binary. Source:
// fs/exec.c and fs/binfmt_elf.c of Linux 6.18.
func (r *Reading) halfway() bool {
	return r.HasImage && r.StartCode == 0 && r.StartStack == 0 && len(r.Args) == 0
}

// readPlace reads where the process is, whatever it executes.
func (r *Reading) readPlace(d *Dir) {
	var err error
	if !r.Kernel() && !r.Ended() {
		r.Cwd, err = d.Cwd()
		r.note("cwd", err)
	}
	if r.Container, r.Unit, err = d.Cgroup(); err != nil {
		r.note("cgroup", err)
	}
}

func (r *Reading) readStatus(d *Dir) {
	s, err := d.Status()
	if err == nil {
		r.Owned = true
		r.IDs, r.Caps, r.Groups = s.IDs, s.Caps, s.Groups
	}
	r.Login, r.LoggedIn = d.login()
	r.note("status", err)
}

// Release lets go of the image.
func (r *Reading) Release() {
	r.Pin.Close()
	r.Pin = NoPin
}

func (r *Reading) readImage(d *Dir) {
	im, err := d.Exe()
	if err != nil {
		r.note("exe", err)
		return
	}
	r.Image, r.HasImage = im, true
	if d.hold {
		if pin, err := d.PinExe(); err == nil {
			r.Pin = pin
		}
	}
	if r.System, r.Here = d.fs.kindOf(im); !r.Here {
		r.System, _ = d.system(im)
	}
	r.InMemory = d.InMemory(im)
	r.Path = d.path(im)
}

// note lists what could not be read, but not where the process just ended.
func (r *Reading) note(what string, err error) {
	if err == nil || errors.Is(err, ErrGone) {
		return
	}
	name := "error"
	var errno unix.Errno
	if errors.As(err, &errno) {
		name = ErrnoName(errno)
	}
	r.Unreadable = append(r.Unreadable, what+":"+name)
}
