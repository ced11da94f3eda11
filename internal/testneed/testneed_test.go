package testneed_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"picket.internal/internal/testneed"
)

// recorder stands in for a test and notes how it ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) {
	r.skipped = args[0].(string)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) {
	r.failed, _ = args[0].(string)
	runtime.Goexit()
}

// run calls f as a test would, and returns when it ended.
func run(f func(testing.TB)) *recorder {
	r := new(recorder)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func TestMissingSkipsOrFails(t *testing.T) {
	command := func(tb testing.TB) { testneed.Command(tb, "no-such-command", "apt-get install nothing") }
	t.Setenv("CI", "")
	if r := run(command); !strings.Contains(r.skipped, "needs no-such-command: apt-get install nothing") || r.failed != "" {
		t.Errorf("on a desk: %+v", r)
	}
	t.Setenv("CI", "true")
	if r := run(command); r.failed == "" || r.skipped != "" {
		t.Errorf("under CI: %+v", r)
	}
}

func TestWhatIsThere(t *testing.T) {
	t.Setenv("CI", "")
	if path := testneed.Command(t, "go", "see go.dev/dl"); !filepath.IsAbs(path) {
		t.Errorf("Command(go) = %q", path)
	}
	var path string
	r := run(func(tb testing.TB) { path = testneed.Corpus(tb, "no-such-corpus") })
	if path != "" || !strings.Contains(r.skipped, "no-such-corpus") {
		t.Errorf("Corpus = %q, %+v", path, r)
	}
	if r := run(func(tb testing.TB) { testneed.Root(tb) }); (r.skipped == "") != (os.Geteuid() == 0) {
		t.Errorf("Root = %+v as uid %d", r, os.Geteuid())
	}
}
