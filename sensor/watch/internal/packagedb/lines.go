//go:build linux

package packagedb

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"picket.internal/sensor/watch/internal/regular"
)

const (
	// lineBuffer is the longest line that is kept whole.
	lineBuffer = 64 << 10
	// lineHead is how much of a longer line is kept: enough to see which
	// field it is.
	lineHead = 64
	// checkEvery is how many lines go by between two looks at the context.
	checkEvery = 4096
)

// lines reads one text file after the other, line by line, through one buffer.
type lines struct {
	// line is the current line without its newline, valid until next.
	line []byte
	// long is true where line is only the beginning of a line over lineBuffer.
	long bool

	ctx  context.Context
	r    *bufio.Reader
	file *os.File
	max  int64
	read int64
	n    int
	err  error
}

func newLines(ctx context.Context) *lines {
	return &lines{ctx: ctx, r: bufio.NewReaderSize(nil, lineBuffer)}
}

// open begins with the regular file at path, of at most max bytes.
func (l *lines) open(path string, max int64) error {
	f, st, err := regular.Open(path)
	if err != nil {
		return err
	}
	if st.Size > max {
		f.Close()
		return fmt.Errorf("%q: %d bytes: %w", path, st.Size, errTooLarge)
	}
	l.reset(f, max)
	l.file = f
	return nil
}

func (l *lines) reset(r io.Reader, max int64) {
	l.r.Reset(r)
	l.line, l.long, l.file, l.max, l.read, l.err = nil, false, nil, max, 0, nil
}

// close ends with a file and says why it was not read to its end.
func (l *lines) close() error {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	return l.err
}

func (l *lines) next() bool {
	if l.err != nil || !l.goOn() {
		return false
	}
	line, err := l.r.ReadSlice('\n')
	l.read += int64(len(line))
	l.long = err == bufio.ErrBufferFull
	if l.long {
		line = bytes.Clone(line[:lineHead])
		err = l.skip()
	}
	l.line = bytes.TrimSuffix(line, []byte("\n"))
	if err != nil && err != io.EOF {
		l.err = err
		return false
	}
	if l.read > l.max {
		l.err = errTooLarge
		return false
	}
	return err == nil || len(line) > 0
}

// skip reads up to the end of the line.
func (l *lines) skip() error {
	for l.goOn() && l.read <= l.max {
		rest, err := l.r.ReadSlice('\n')
		l.read += int64(len(rest))
		if err != bufio.ErrBufferFull {
			return err
		}
	}
	return l.err
}

// goOn tells whether somebody still waits.
func (l *lines) goOn() bool {
	if l.n++; l.n%checkEvery == 0 && l.ctx.Err() != nil {
		l.err = l.ctx.Err()
	}
	return l.err == nil
}
