//go:build linux

package regular

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// Bounds say how much of a file of lines is read.
type Bounds struct {
	// Bytes is how much of the file is read at most. Must be set.
	Bytes int64
	// Line is how long a line may be, its end not counted. Must be set.
	Line int
}

// Lack is what Lines left out of a file.
type Lack struct {
	// Long is how many lines were over the bound.
	Long int64
	// Cut is true where the file goes on behind what was read.
	Cut bool
}

// Lines reads the regular file at path and hands each line to each, without
// its end. The line is overwritten afterwards. A line over the bound is left
// out and counted; the others are read all the same.
func Lines(path string, b Bounds, each func(line []byte)) (Lack, *unix.Stat_t, error) {
	f, st, err := Open(path)
	if err != nil {
		return Lack{}, nil, err
	}
	defer f.Close()
	lack, err := EachLine(f, b, each)
	return lack, st, err
}

// EachLine does what Lines does, for what is open already.
func EachLine(f io.Reader, b Bounds, each func(line []byte)) (Lack, error) {
	in := bufio.NewReaderSize(io.LimitReader(f, b.Bytes), min(b.Line+2, 64<<10))
	var lack Lack
	var line []byte
	long := false
	for {
		part, err := in.ReadSlice('\n')
		if !long {
			line = append(line, part...)
			long = len(bytes.TrimSuffix(line, []byte("\n"))) > b.Line
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		switch {
		case long:
			lack.Long++
		case len(line) > 0:
			each(bytes.TrimSuffix(line, []byte("\n")))
		}
		line, long = line[:0], false
		if err != nil {
			if err == io.EOF {
				_, err = f.Read(make([]byte, 1))
				lack.Cut = err == nil
				return lack, nil
			}
			return lack, err
		}
	}
}
