//go:build linux

package digest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
)

// settled makes the file's content older than the racy window.
func settled() time.Time { return time.Now().Add(time.Hour) }

func file(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func key(t testing.TB, path string) digest.Key {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return digest.KeyOf(&st)
}

// sum asks for the hash of the file at path and waits for the answer.
func sum(t testing.TB, h *digest.Hasher, path string) digest.Result {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan digest.Result, 1)
	if !h.Sum(f, key(t, path), func(r digest.Result) { answer <- r }) {
		t.Fatal("too much waits")
	}
	return <-answer
}

func hash(s string) string {
	b := sha256.Sum256([]byte(s))
	return hex.EncodeToString(b[:])
}

func TestUnchangedFileIsReadOnce(t *testing.T) {
	h := digest.New(digest.Config{Now: settled})
	path := file(t, "content")
	for range 5 {
		if r := sum(t, h, path); r.Status != fact.HashOK || r.SHA256 != hash("content") {
			t.Fatalf("got %+v", r)
		}
	}
	if n := h.Reads(); n != 1 {
		t.Errorf("an unchanged file was read %d times", n)
	}
	if got, ok := h.Known(key(t, path)); !ok || got != hash("content") {
		t.Errorf("known as %q, %v", got, ok)
	}
}

// TestChangedFileIsReadAgain changes each part of the key.
func TestChangedFileIsReadAgain(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"size":  func(p string) error { return os.WriteFile(p, []byte("other content"), 0o644) },
		"mtime": func(p string) error { return os.Chtimes(p, time.Time{}, time.Unix(1, 0)) },
		"ctime": func(p string) error { return os.Chmod(p, 0o600) },
		"inode": func(p string) error {
			return errors.Join(os.Rename(p, p+"2"), os.WriteFile(p, []byte("CONTENT"), 0o644))
		},
		"reverted mtime": func(p string) error {
			was, err := os.Stat(p)
			return errors.Join(err, os.WriteFile(p, []byte("CONTENT"), 0o644), os.Chtimes(p, time.Time{}, was.ModTime()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := digest.New(digest.Config{Now: settled})
			path := file(t, "content")
			sum(t, h, path)
			tick(t, path)
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			data, _ := os.ReadFile(path)
			if r := sum(t, h, path); r.SHA256 != hash(string(data)) {
				t.Errorf("got %+v of %q", r, data)
			}
			if n := h.Reads(); n != 2 {
				t.Errorf("read %d times, want 2", n)
			}
		})
	}
}

// tick waits until the file system's clock has moved on since the file was
// last changed.
func tick(t *testing.T, path string) {
	t.Helper()
	before := key(t, path).CTime
	probe := filepath.Join(filepath.Dir(path), "probe")
	for {
		if err := os.WriteFile(probe, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(probe, 0o600); err != nil {
			t.Fatal(err)
		}
		if key(t, probe).CTime > before {
			return
		}
	}
}

// TestYoungFileIsNotRemembered: within one tick of the file system's clock a
// file can change twice and keep its times.
func TestYoungFileIsNotRemembered(t *testing.T) {
	h := digest.New(digest.Config{})
	path := file(t, "content")
	sum(t, h, path)
	sum(t, h, path)
	if n := h.Reads(); n != 2 {
		t.Errorf("a file that was just written was read %d times for 2 questions", n)
	}
}

func TestWrongKeyIsNotRemembered(t *testing.T) {
	h := digest.New(digest.Config{Now: settled})
	path := file(t, "content")
	stale := key(t, path)
	stale.MTime--
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan digest.Result, 1)
	h.Sum(f, stale, func(r digest.Result) { answer <- r })
	if r := <-answer; r.SHA256 != hash("content") {
		t.Errorf("got %+v", r)
	}
	if _, ok := h.Known(stale); ok {
		t.Error("a digest was remembered under the key of other content")
	}
}

func TestTooLarge(t *testing.T) {
	path := file(t, "")
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	h := digest.New(digest.Config{})
	began := time.Now()
	if r := sum(t, h, path); r.Status != fact.HashTooLarge || r.SHA256 != "" {
		t.Errorf("got %+v", r)
	}
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if h.Reads() != 0 {
		t.Error("a file of a terabyte was read")
	}
}

// TestGrowsOverTheBound: a file that says it is small must not be read without end.
func TestGrowsOverTheBound(t *testing.T) {
	h := digest.New(digest.Config{MaxSize: 1 << 20})
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan digest.Result, 1)
	h.Sum(zero, digest.Key{}, func(r digest.Result) { answer <- r })
	if r := <-answer; r.Status != fact.HashTooLarge {
		t.Errorf("got %+v", r)
	}
}

// silent is a file of which a read does not return until the test ends: an
// eventfd seeks, and has nothing to read.
func silent(t *testing.T) (f *os.File, release func()) {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	other, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		unix.Write(other, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		unix.Close(other)
	})
	t.Cleanup(release)
	return os.NewFile(uintptr(fd), "silent"), release
}

// TestSilentFileHoldsNobody: a file that never answers is given up, and the
// next is hashed; only when too many have not answered is no more begun.
func TestSilentFileHoldsNobody(t *testing.T) {
	h := digest.New(digest.Config{Timeout: 20 * time.Millisecond, Now: settled})
	var releases []func()
	for i := range uint64(4) {
		if r := sum(t, h, file(t, "content")); r.SHA256 != hash("content") {
			t.Fatalf("with %d files that do not answer: %+v", i, r)
		}
		f, release := silent(t)
		releases = append(releases, release)
		answer := make(chan digest.Result, 1)
		if !h.Sum(f, digest.Key{Inode: i}, func(r digest.Result) { answer <- r }) {
			t.Fatalf("refused with %d files that do not answer", i)
		}
		if got := <-answer; got.Status != fact.HashTimeout {
			t.Errorf("a file that does not answer: %+v", got)
		}
	}
	path := file(t, "content")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if h.Sum(f, key(t, path), func(digest.Result) {}) {
		t.Error("a fifth was begun while four do not answer")
	}
	for _, release := range releases {
		release()
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		answer := make(chan digest.Result, 1)
		if h.Sum(f, key(t, path), func(r digest.Result) { answer <- r }) {
			if r := <-answer; r.SHA256 != hash("content") {
				t.Errorf("after all have answered: %+v", r)
			}
			return
		}
	}
	t.Error("refused after all have answered")
}

func TestSameFileIsReadOnceForAll(t *testing.T) {
	h := digest.New(digest.Config{Now: settled})
	path := file(t, strings.Repeat("x", 8<<20))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := sum(t, h, path); r.Status != fact.HashOK {
				t.Errorf("got %+v", r)
			}
		})
	}
	wg.Wait()
	if n := h.Reads(); n > 2 {
		t.Errorf("read %d times for 20 who asked at once", n)
	}
}

func TestTooMuchWaits(t *testing.T) {
	h := digest.New(digest.Config{Waiting: 2, Timeout: time.Minute})
	busy, release := silent(t)
	h.Sum(busy, digest.Key{}, func(digest.Result) {})
	defer release()
	refused := 0
	for i := range uint64(5) {
		f, err := os.Open(file(t, "content"))
		if err != nil {
			t.Fatal(err)
		}
		if h.Sum(f, digest.Key{Inode: 1 + i}, func(digest.Result) {}) {
			continue
		}
		refused++
		if _, err := f.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a refused file was left open: %v", err)
		}
	}
	if refused < 2 {
		t.Errorf("%d of 5 were refused where 2 may wait", refused)
	}
}

// TestUrgentFileDoesNotWait: behind a file that does not answer, what cannot
// wait is hashed, also where it waits already.
func TestUrgentFileDoesNotWait(t *testing.T) {
	h := digest.New(digest.Config{Timeout: time.Minute, Now: settled})
	busy, release := silent(t)
	defer release()
	h.Sum(busy, digest.Key{}, func(digest.Result) {})
	path := file(t, "content")
	answers := make(chan digest.Result, 2)
	for _, ask := range []func(*os.File, digest.Key, func(digest.Result)) bool{h.Sum, h.SumNow} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if !ask(f, key(t, path), func(r digest.Result) { answers <- r }) {
			t.Fatal("refused")
		}
	}
	for range 2 {
		if r := <-answers; r.SHA256 != hash("content") {
			t.Errorf("got %+v", r)
		}
	}
}

func TestForgetsTheOldest(t *testing.T) {
	h := digest.New(digest.Config{Remember: 2, Now: settled})
	paths := []string{file(t, "a"), file(t, "b"), file(t, "c")}
	for _, p := range paths {
		sum(t, h, p)
	}
	if _, ok := h.Known(key(t, paths[0])); ok {
		t.Error("three digests are remembered where two were allowed")
	}
	if _, ok := h.Known(key(t, paths[2])); !ok {
		t.Error("the last digest is not remembered")
	}
}

func TestReader(t *testing.T) {
	if got, err := digest.Reader(strings.NewReader("abc"), 3, time.Time{}); err != nil || got != hash("abc") {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := digest.Reader(strings.NewReader("abcd"), 3, time.Time{}); !digest.IsTooLarge(err) {
		t.Errorf("one byte over the bound: %v", err)
	}
	if _, err := digest.Reader(bytes.NewReader(nil), 3, time.Now().Add(-time.Second)); err == nil {
		t.Error("the time was up and it read on")
	}
}

func BenchmarkHash(b *testing.B) {
	const size = 16 << 20
	path := file(b, strings.Repeat("x", size))
	b.SetBytes(size)
	for b.Loop() {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := digest.Reader(f, size, time.Time{}); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

// TestAllowance: files that are more than may be read a second wait, in their
// order, and all are hashed; what is urgent does not wait.
func TestAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := digest.New(digest.Config{Rate: 1000, Now: func() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }})
		began := time.Now()
		var order []int
		var took []time.Duration
		var mu sync.Mutex
		done := make(chan bool)
		for i := range 4 {
			path := file(t, strings.Repeat("x", 9000+i))
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			h.Sum(f, key(t, path), func(r digest.Result) {
				mu.Lock()
				order, took = append(order, i), append(took, time.Since(began))
				mu.Unlock()
				done <- true
			})
		}
		<-done // the first, at once: it takes all that had added up
		time.Sleep(time.Second)
		if s := h.Stats(); s.Waiting != 3 || s.Oldest < time.Second || s.Reads != 1 || s.Bytes != 9000 {
			t.Errorf("stats %+v", s)
		}
		path := file(t, "urgent")
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		now := make(chan bool, 1)
		h.SumNow(f, key(t, path), func(digest.Result) { now <- true })
		<-now
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("what is urgent waited for %v", d)
		}
		for range 3 {
			<-done
		}
		if !slices.Equal(order, []int{0, 1, 2, 3}) {
			t.Errorf("hashed in the order %v", order)
		}
		if took[0] > time.Second || took[3] < 10*time.Second || took[3] > 20*time.Second {
			t.Errorf("hashed after %v", took)
		}
		sum(t, h, path)
		if s := h.Stats(); s.Waiting != 0 || s.Oldest != 0 || s.Hits != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}
