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

// Read reads the process whole. The image of one moment is not mixed with the
// arguments of another: what changes while it is read is read again. ErrGone
// says that not even its stat could be read; a process that ends later in the
// reading is returned with what there was.
func (d *Dir) Read() (*Reading, error) {
	var buf [1024]byte
	before, err := d.Stat(buf[:])
	if err != nil {
		return nil, err
	}
	for range attempts {
		r := d.read(before)
		after, err := d.Stat(buf[:])
		if err != nil || after.SameImage(&before) {
			return r, nil
		}
		if after.StartTicks != before.StartTicks {
			r.Release()
			return nil, ErrGone // another process: no real kernel does this to an open folder
		}
		r.Release()
		before = after
	}
	return nil, ErrGone
}

func (d *Dir) read(s Stat) *Reading {
	r := &Reading{PID: d.PID, Stat: s, Pin: NoPin}
	alive := !r.Kernel() && !r.Ended()
	if alive { // what is gone first comes first
		r.readImage(d)
		var err error
		r.Args, r.ArgsCut, err = d.Args()
		r.note("args", err)
	}
	r.readStatus(d)
	if alive {
		var err error
		r.Cwd, err = d.Cwd()
		r.note("cwd", err)
	}
	var err error
	if r.Container, r.Unit, err = d.Cgroup(); err != nil {
		r.note("cgroup", err)
	}
	return r
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
