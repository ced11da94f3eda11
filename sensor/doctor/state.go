//go:build linux

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// state checks the sender's side: the folder of the host's key, which only its
// owner may enter, and what enroll puts there.
func state(h *host) *Finding {
	if h.StateDir == "" {
		return yes("no configuration was given, so no state folder was looked at")
	}
	dir := h.Root + h.StateDir
	enroll := "picket-sensor enroll --config " + h.Path + " --token-file TOKEN"
	st, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return no("there is no state folder "+h.StateDir+": nothing can be sent", enroll).need(true)
	case err != nil:
		return no(fmt.Sprintf("the state folder %s may not be looked at (%v): run the doctor as the sender's user or as root", h.StateDir, plain(err)), "").need(true)
	case !st.IsDir():
		return no(h.StateDir+" is no folder", enroll).need(true)
	case st.Mode().Perm()&0o077 != 0:
		return no(fmt.Sprintf("others may enter the state folder %s (mode %04o): the sensor refuses it", h.StateDir, st.Mode().Perm()), "chmod 700 "+h.StateDir).need(true)
	}
	for _, name := range []string{"host.key", "identity.json"} {
		f, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrPermission):
			return no("the state folder "+h.StateDir+" may not be entered: run the doctor as the sender's user or as root", "").need(true)
		case err != nil:
			return no("the state folder "+h.StateDir+" holds no "+name+": the host is not enrolled", enroll).need(true)
		case name == "host.key" && f.Mode().Perm()&0o077 != 0:
			return no(fmt.Sprintf("others may read the host's key (mode %04o)", f.Mode().Perm()), "chmod 600 "+filepath.Join(h.StateDir, name)).need(true)
		case owner(f) != owner(st):
			return no(name+" does not belong to the owner of "+h.StateDir, fmt.Sprintf("chown %d %s", owner(st), filepath.Join(h.StateDir, name))).need(true)
		}
	}
	return yes("the host is enrolled, and its key is private").need(true)
}

func owner(st fs.FileInfo) uint32 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return s.Uid
	}
	return 0
}
