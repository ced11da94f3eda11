package action

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Fixed are the flags of chattr(1) that keep even root from changing a file or
// a folder: FS_IMMUTABLE_FL and FS_APPEND_FL of linux/fs.h.
const Fixed = 0x10 | 0x20

// Flags are those of f, none where its file system has none.
func Flags(f *os.File) (int, error) {
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.ENOTSUP) {
		return 0, nil
	}
	return flags, err
}

// SetFlags sets them.
func SetFlags(f *os.File, flags int) error {
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
}

// Loosen takes the Fixed flags off f and gives those that it had, or 0 if it
// had none of them.
func Loosen(f *os.File) (had int, err error) {
	if had, err = Flags(f); err != nil || had&Fixed == 0 {
		return 0, err
	}
	return had, SetFlags(f, had&^Fixed)
}

// Tighten puts back what Loosen took off.
func Tighten(f *os.File, had int) error {
	if had&Fixed == 0 {
		return nil
	}
	return SetFlags(f, had)
}
