//go:build linux

package packagedb

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
)

// TestSameAsDpkgQuery holds this machine's packages against what dpkg itself
// says, package by package.
func TestSameAsDpkgQuery(t *testing.T) {
	query := testneed.Command(t, "dpkg-query", "run the test on Debian or Ubuntu")
	var want []string
	for line := range strings.Lines(run(t, query, "-W", "-f", `${db:Status-Status} ${Package} ${Version} ${Architecture}\n`)) {
		state, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if state != "config-files" && state != "not-installed" {
			want = append(want, rest)
		}
	}
	found, problems := Open("").Packages(t.Context(), 50_000)
	var got []string
	for _, p := range found {
		if p.Type == Deb {
			got = append(got, p.Name+" "+p.Version+" "+p.Architecture)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
		t.Errorf("packages (-dpkg-query +ours), problems %v:\n%s", problems, diff)
	}
	t.Logf("%d packages", len(got))
}

// someFiles are files of this machine that dpkg has a digest for, and the
// package each is listed by.
func someFiles(t testing.TB, max int) map[string]string {
	t.Helper()
	all := make(map[string]string)
	lists, _ := filepath.Glob("/var/lib/dpkg/info/*.md5sums")
	const packages = 60 // spread over the whole list
	step := max/packages + 1
	for i := 0; i < len(lists); i += len(lists)/packages + 1 {
		list := lists[i]
		f, err := os.Open(list)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(list), ".md5sums")
		for in, n := bufio.NewScanner(f), 0; n < step && len(all) < max && in.Scan(); n++ {
			_, path, _ := strings.Cut(in.Text(), "  ")
			real, err := filepath.EvalSymlinks("/" + path)
			if err != nil {
				continue // left out by a path-exclude
			}
			all[real] = name
		}
		f.Close()
	}
	return all
}

func TestVouchesForThisMachine(t *testing.T) {
	verify := testneed.Command(t, "dpkg", "run the test on Debian or Ubuntu")
	files := someFiles(t, 300)
	// dpkg -V ends with 1 where something differs, so only its words count.
	changed := make(map[string]bool)
	names := slices.Compact(slices.Sorted(maps.Values(files)))
	out, _ := exec.Command(verify, append([]string{"-V"}, names...)...).Output()
	for line := range bytes.Lines(out) {
		if at := bytes.IndexByte(line, '/'); at >= 0 && bytes.HasPrefix(line, []byte("??5")) {
			changed[string(bytes.TrimSpace(line[at:]))] = true
		}
	}
	db := Open("")
	db.rest = func(time.Duration) {}
	answers := make(chan string, len(files))
	count := 0
	for path, name := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		want := fact.VouchOK
		if changed[path] {
			want = fact.VouchModified
		}
		for !db.Ask(path, f, func(v fact.Vouch) {
			if v.Verdict != want || v.Type != Deb {
				answers <- fmt.Sprintf("%s: got %+v, want %s of %s", path, v, want, name)
				return
			}
			answers <- ""
		}) {
			if wrong := <-answers; wrong != "" {
				t.Error(wrong)
			}
			count++
			if f, err = os.Open(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for ; count < len(files); count++ {
		if wrong := <-answers; wrong != "" {
			t.Error(wrong)
		}
	}
	t.Logf("%d files", len(files))
}

// A copy of a program under a name that no package has is unowned, and other
// content under a name that one has is modified: in a root of its own, with
// this machine's database.
func TestAForgedFileOfThisMachine(t *testing.T) {
	testneed.Command(t, "dpkg-query", "run the test on Debian or Ubuntu")
	h := newHost(t)
	h.put("var/lib/.keep", "")
	h.link("/var/lib/dpkg", "var/lib/dpkg")
	h.link("usr/bin", "bin")
	ls, err := os.ReadFile("/usr/bin/ls")
	if err != nil {
		t.Fatal(err)
	}
	h.put("usr/bin/ls", string(ls))
	h.put("usr/bin/cat", string(ls))
	h.put("usr/bin/my-own", string(ls))
	for path, want := range map[string]string{"usr/bin/ls": "ok", "usr/bin/cat": "modified", "usr/bin/my-own": "unowned"} {
		if got := h.vouch(h.db(), path); got.Verdict != want {
			t.Errorf("%s: got %+v, want %s", path, got, want)
		}
	}
}

func BenchmarkPackagesOfThisMachine(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		found, _ := Open("").Packages(b.Context(), 50_000)
		n = len(found)
	}
	b.ReportMetric(float64(n), "packages")
}

// BenchmarkPassOfOneOverThisMachine is what a program costs that nobody ran
// before, the first time and later.
func BenchmarkPassOfOneOverThisMachine(b *testing.B) {
	first := newPass(b.Context(), "/")
	first.run()
	for name, known := range map[string]*sketch{"first": nil, "later": first.made} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := newPass(b.Context(), "/")
				p.sketch = known
				p.ask("/usr/bin/cat")
				p.run()
			}
		})
	}
}

// BenchmarkPassOverThisMachine is one pass for 300 paths, without the hashing.
func BenchmarkPassOverThisMachine(b *testing.B) {
	files := someFiles(b, 300)
	b.ReportAllocs()
	for b.Loop() {
		p := newPass(b.Context(), "/")
		for path := range files {
			p.ask(path)
		}
		p.run()
	}
}
