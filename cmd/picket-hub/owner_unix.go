//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// asOwner has root go on as the user that a hub's folder belongs to, for good.
// What it then writes there is that user's, who must be able to read it at the
// next start; and root follows no name in a folder that another can write to.
func asOwner(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking whose the hub's folder is: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(nil) },
		func() error { return syscall.Setgid(int(owner.Gid)) },
		func() error { return syscall.Setuid(int(owner.Uid)) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("going on as uid %d, whom %s belongs to: %w", owner.Uid, dir, err)
		}
	}
	return nil
}
