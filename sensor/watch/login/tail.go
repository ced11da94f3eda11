//go:build linux

package login

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/regular"
)

const (
	// lookBytes is how much of one file a look reads at most.
	lookBytes = 1 << 20
	// maxBehind is how much may wait; beyond, the oldest is given up.
	maxBehind = 64 << 20
	// maxLine is how long a line of a log may be.
	maxLine = 8 << 10
)

// tail follows a file that others append to, through its rotation: by another
// file in its place, whose beginning is then read, or by cutting it.
type tail struct {
	path  string
	whole int64 // sizes of what is appended are multiples of it

	f          *os.File
	dev, inode uint64
	at         int64
	begun      bool // a file that is found later is read from its beginning
}

// look is what following a file came to.
type look struct {
	cut    bool // something of the file went before it was read
	behind bool // so much waited that some was given up
	more   bool // there is more to read now
}

// poll hands on what was appended. fresh is called where what follows does not
// go on from what came before.
func (t *tail) poll(take func([]byte), fresh func()) (l look, err error) {
	if t.f == nil {
		if err := t.open(); err != nil {
			return l, err
		}
		fresh()
	}
	if t.f == nil {
		return l, nil // there is none yet
	}
	// Once more where another file took its place while it was read.
	for range 4 {
		if l.more, err = t.read(&l, take, fresh); err != nil || l.more {
			return l, err
		}
		var st unix.Stat_t
		err := unix.Stat(t.path, &st)
		if err != nil || (st.Dev == t.dev && st.Ino == t.inode) {
			return l, nil // moved away and nothing in its place yet, or the same
		}
		if l.more, err = t.read(&l, take, fresh); err != nil || l.more {
			return l, err // what was written before it was moved away
		}
		t.close()
		if err := t.open(); err != nil || t.f == nil {
			return l, err
		}
		fresh()
	}
	l.more = true
	return l, nil
}

// open opens what is at the path. That there is nothing is no error.
func (t *tail) open() error {
	f, st, err := regular.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		t.begun = true
		return nil
	}
	if err != nil {
		return err
	}
	begun := t.begun
	t.begun = true
	t.f, t.dev, t.inode, t.at = f, st.Dev, st.Ino, 0
	if !begun {
		t.at = st.Size - st.Size%t.whole
	}
	return nil
}

// read reads what was appended to the open file, bounded.
func (t *tail) read(l *look, take func([]byte), fresh func()) (more bool, err error) {
	info, err := t.f.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() < t.at {
		t.at, l.cut = 0, true
		fresh()
	}
	if info.Size()-t.at > maxBehind {
		t.at, l.behind = info.Size()-lookBytes, true
		t.at -= t.at % t.whole
		fresh()
	}
	buf := make([]byte, min(32<<10, max(info.Size()-t.at, 1)))
	for done := 0; done < lookBytes; {
		n, err := t.f.ReadAt(buf, t.at)
		take(buf[:n])
		t.at += int64(n)
		done += n
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (t *tail) close() {
	if t.f != nil {
		t.f.Close()
		t.f = nil
	}
}

// pieces cuts what is appended into lines, where size is 0, or into records of
// that size. What is not whole yet waits for the rest.
type pieces struct {
	size int
	part []byte
	long bool  // the line is over the bound, its rest is left out
	lost int64 // lines over the bound
}

func (p *pieces) fresh() { p.part, p.long = p.part[:0], false }

func (p *pieces) take(data []byte, each func([]byte)) {
	for len(data) > 0 {
		n, ends := p.cut(data)
		if p.size == 0 && !p.long && len(p.part)+n > maxLine+1 {
			p.long = true
			p.lost++
		}
		if !p.long {
			p.part = append(p.part, data[:n]...)
		}
		data = data[n:]
		if !ends {
			return
		}
		if !p.long {
			each(p.part)
		}
		p.fresh()
	}
}

// cut tells how much of data belongs to the piece at hand, and whether it ends
// there.
func (p *pieces) cut(data []byte) (n int, ends bool) {
	if p.size > 0 {
		n = min(p.size-len(p.part), len(data))
		return n, len(p.part)+n == p.size
	}
	for i, c := range data {
		if c == '\n' {
			return i + 1, true
		}
	}
	return len(data), false
}
