//go:build !linux

package local

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

var (
	errLocked      = errors.New("locked by another process")
	errUnsupported = errors.New("picket up and picket demo run on linux only")
)

func lockFile(*os.File) error               { return errUnsupported }
func ownerOf(fs.FileInfo) (int, bool)       { return 0, false }
func childAttr() *syscall.SysProcAttr       { return nil }
func signalGroup(int, syscall.Signal) error { return errUnsupported }

// RunFromMemory is a part of the demo.
func RunFromMemory(string, []string) error { return errUnsupported }
