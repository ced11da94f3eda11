package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// rewrite puts other content into a file that holds before, in one step: a
// crash leaves the old file or the new one. Mode and owner stay. What is not a
// file by itself is refused: through a link something else would be changed,
// or the link would end.
//
// Order: lstat, open(O_NOFOLLOW), read and compare, write beside, fchmod,
// fchown, fsync, lstat and compare, rename, fsync(folder).
func rewrite(path string, before, after []byte) (err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is a link or no regular file; name the file itself", path)
	}
	if links(info) > 1 {
		return fmt.Errorf("%s has other names (hard links) that would keep the old content; change it by hand", path)
	}
	if err := holds(path, info, before); err != nil {
		return err
	}
	// A name with a dot in front is read by no hub that watches the folder.
	f, err := os.CreateTemp(filepath.Dir(path), ".picket-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(after)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm()), keepOwner(f, info), f.Sync(), f.Close()); err != nil {
		return err
	}
	now, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !os.SameFile(info, now) || !now.ModTime().Equal(info.ModTime()) || now.Size() != info.Size() {
		return errChanged(path)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// holds checks that the file is still the one that was looked at.
func holds(path string, info os.FileInfo, want []byte) error {
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(len(want))+1))
	if err != nil {
		return err
	}
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, opened) || !bytes.Equal(data, want) {
		return errChanged(path)
	}
	return nil
}

func errChanged(path string) error {
	return fmt.Errorf("%s has changed meanwhile; look at it and try again", path)
}
