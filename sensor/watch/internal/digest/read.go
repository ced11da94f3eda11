//go:build linux

package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
)

// chunk is read at a time; the deadline is looked at between two.
const chunk = 128 << 10

// racy is how old a file's last change must be for its key to name its
// content: within one tick of the file system's clock a file can change twice
// and keep its times.
const racy = 2 * time.Second

var (
	errTooLarge = errors.New("file too large")
	errTimeout  = errors.New("file took too long")
)

// Reader hashes what r holds, at most max bytes, and not for longer than
// until; the zero time means no limit.
func Reader(r io.Reader, max int64, until time.Time) (string, error) {
	h := sha256.New()
	buf := make([]byte, chunk)
	for n := int64(0); ; {
		if !until.IsZero() && time.Now().After(until) {
			return "", errTimeout
		}
		k, err := r.Read(buf)
		h.Write(buf[:k])
		if n += int64(k); n > max {
			return "", errTooLarge
		}
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// Settled tells whether a key that was taken now names one content for as long
// as it stays what it is.
func Settled(k Key, now time.Time) bool {
	return time.Unix(0, max(k.CTime, k.MTime)).Add(racy).Before(now)
}

// IsTooLarge tells whether Reader stopped because there was more than it may
// read.
func IsTooLarge(err error) bool { return errors.Is(err, errTooLarge) }

// read hashes the job's file. keep says that the digest belongs to the key for
// as long as the key stays what it is.
func (h *Hasher) read(j *job) (r Result, keep bool) {
	for range 3 {
		began := h.cfg.Now()
		before, err := keyOfFile(j.file)
		if err != nil {
			return Result{Status: fact.HashUnreadable}, false
		}
		sum, status := h.sum(j.file)
		if status != fact.HashOK {
			return Result{Status: status}, false
		}
		if after, err := keyOfFile(j.file); err != nil || after != before {
			continue // written to while it was read: half of this, half of that
		}
		return Result{SHA256: sum, Status: fact.HashOK}, before == j.key && Settled(before, began)
	}
	return Result{Status: fact.HashDeferred}, false
}

// sum reads a file from its beginning.
func (h *Hasher) sum(f *os.File) (sum, status string) {
	h.reads.Add(1)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fact.HashUnreadable
	}
	counted := &counter{f: f}
	sum, err := Reader(counted, h.cfg.MaxSize, time.Now().Add(h.cfg.Timeout))
	h.bytes.Add(counted.n)
	h.rate.spend(counted.n)
	switch {
	case err == nil:
		return sum, fact.HashOK
	case errors.Is(err, errTooLarge):
		return "", fact.HashTooLarge
	case errors.Is(err, errTimeout):
		return "", fact.HashTimeout
	}
	return "", fact.HashUnreadable
}

// counter counts what is read.
type counter struct {
	f *os.File
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.f.Read(b)
	c.n += int64(n)
	return n, err
}

// IsOf tells whether the key is of an open file, whatever became of its content.
func (k *Key) IsOf(f *os.File) bool {
	now, err := keyOfFile(f)
	return err == nil && now.Dev == k.Dev && now.Inode == k.Inode
}

func keyOfFile(f *os.File) (Key, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return Key{}, err
	}
	var st unix.Stat_t
	var statErr error
	if err := raw.Control(func(fd uintptr) { statErr = unix.Fstat(int(fd), &st) }); err != nil {
		return Key{}, err
	}
	return KeyOf(&st), statErr
}
