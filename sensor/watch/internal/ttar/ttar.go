// Package ttar unpacks the text archives that the fixtures of
// prometheus/procfs come in. It is for tests and must never be linked into a
// binary.
package ttar

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Unpack unpacks the archive at path into dir.
func Unpack(path, dir string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unpack(bufio.NewScanner(f), dir)
}

// unpack reads entries of "Directory: NAME", "Path: NAME" with "Lines: N" or
// with "SymlinkTo: TARGET", until the end.
func unpack(in *bufio.Scanner, dir string) error {
	in.Buffer(nil, 1<<20)
	var path string
	for in.Scan() {
		key, value, _ := strings.Cut(in.Text(), ": ")
		var err error
		switch key {
		case "Directory":
			err = os.MkdirAll(filepath.Join(dir, value), 0o755)
		case "Path":
			path = filepath.Join(dir, value)
		case "SymlinkTo":
			err = os.Symlink(value, path)
		case "Lines":
			err = file(in, path, value)
		}
		if err != nil {
			return fmt.Errorf("unpacking fixtures: %w", err)
		}
	}
	return in.Err()
}

var plain = strings.NewReplacer(`\NULLBYTE`, "NULLBYTE", "NULLBYTE", "\x00", `\EOF`, "EOF")

// file writes the lines that follow. A last line that ends in EOF had no
// newline.
func file(in *bufio.Scanner, path, lines string) error {
	n, err := strconv.Atoi(lines)
	if err != nil {
		return err
	}
	var b strings.Builder
	for i := range n {
		if !in.Scan() {
			return fmt.Errorf("%s ends after %d of %d lines", path, i, n)
		}
		line, cut := in.Text(), false
		if i == n-1 && !strings.HasSuffix(line, `\EOF`) {
			line, cut = strings.CutSuffix(line, "EOF")
		}
		b.WriteString(plain.Replace(line))
		if !cut {
			b.WriteByte('\n')
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
