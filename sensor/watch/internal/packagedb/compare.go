//go:build linux

package packagedb

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/patience"
	"picket.internal/sensor/watch/internal/regular"
)

const (
	maxFile = 256 << 20
	chunk   = 128 << 10
	// racy is how old a change must be for a file's key to name its content.
	racy = 2 * time.Second
)

// compare weighs what the pass found against the file's content, and closes
// the file. settled says that the verdict holds as long as the key does.
func (db *DB) compare(p *pass, q *question, calm bool) (v fact.Vouch, settled bool) {
	type result struct {
		v       fact.Vouch
		settled bool
	}
	var begun atomic.Bool
	r, ok := patience.Do(db.gate, patienceLimit*3/2, func() (r result) {
		begun.Store(true)
		defer q.file.Close()
		until := time.Now().Add(patienceLimit)
		sums := make(map[string][]byte)
		r.settled = true
		r.v = p.verdict(p.ask(q.path), q.gone(), func(algorithm string) []byte {
			if _, ok := sums[algorithm]; !ok {
				sums[algorithm] = q.sum(algorithm, until)
			}
			r.settled = r.settled && sums[algorithm] != nil
			return sums[algorithm]
		})
		return r
	})
	if !ok {
		if !begun.Load() && db.gate.Lost() >= maxLost {
			q.file.Close() // nobody was sent to read it
		}
		return fact.Vouch{Verdict: fact.VouchUnknown}, false
	}
	if r.v.Verdict == fact.VouchModified && !calm {
		r.v.Verdict = fact.VouchUnknown // the package may be half there
	}
	old := time.Unix(0, max(q.key.MTime, q.key.CTime)).Add(racy)
	return r.v, r.settled && old.Before(db.now())
}

// gone tells whether the file has no name any more.
func (q *question) gone() bool {
	st, err := status(q.file)
	return err != nil || st.Nlink == 0
}

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// sum is the digest of the file; nil where it cannot be had, and where the
// file is not what was asked about any more.
func (q *question) sum(algorithm string, until time.Time) []byte {
	h := newHash(algorithm)
	if h == nil || q.key.Size > maxFile {
		return nil
	}
	buf := make([]byte, chunk)
	for at := int64(0); ; {
		n, err := q.file.ReadAt(buf, at)
		h.Write(buf[:n])
		at += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil || at > q.key.Size || time.Now().After(until) {
			return nil
		}
	}
	if st, err := status(q.file); err != nil || digest.KeyOf(&st) != q.key {
		return nil
	}
	return h.Sum(nil)
}

func status(f *os.File) (st unix.Stat_t, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return st, err
	}
	if e := raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &st) }); e != nil {
		return st, e
	}
	return st, err
}

// stamped are the files and folders that change when a database does.
var stamped = [...]string{
	dpkgDir + "/status", dpkgDir + "/status.d", dpkgDir + "/info", dpkgDir + "/diversions", dpkgDir + "/updates",
	apkOld, apkNew,
	rpmDir + "/rpmdb.sqlite", rpmDir + "/rpmdb.sqlite-wal", rpmDir + "/Packages.db", rpmDir + "/Packages",
	rpmNew + "/rpmdb.sqlite", rpmNew + "/rpmdb.sqlite-wal", rpmNew + "/Packages.db", rpmNew + "/Packages",
	rpmImage + "/rpmdb.sqlite", rpmImage + "/rpmdb.sqlite-wal", rpmImage + "/Packages.db", rpmImage + "/Packages",
}

// stamp tells one state of the databases from another.
type stamp [len(stamped)]digest.Key

func stampOf(root string) (s stamp) {
	for i, name := range stamped {
		s[i] = keyAt(filepath.Join(root, name))
	}
	return s
}

// keyAt is the zero key where there is no file.
func keyAt(path string) digest.Key {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return digest.Key{}
	}
	return digest.KeyOf(&st)
}

// locks are held for as long as a package manager works.
var locks = [...]string{dpkgDir + "/lock", rpmDir + "/.rpm.lock", rpmNew + "/.rpm.lock"}

// busy tells whether a package manager works right now. It asks who holds the
// locks and never takes one.
func busy(root string) bool {
	for _, name := range locks {
		f, _, err := regular.Open(filepath.Join(root, name))
		if err != nil {
			continue
		}
		lock := unix.Flock_t{Type: unix.F_RDLCK}
		err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock)
		f.Close()
		if err == nil && lock.Type == unix.F_WRLCK {
			return true
		}
	}
	return false
}
