//go:build linux

package packagedb

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
)

const spec = `Name: heron
Epoch: 2
Version: 1.4
Release: 3
Summary: a package of the test
License: none
BuildArch: noarch
%description
A package of the test.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/sbin %{buildroot}/etc
printf heron > %{buildroot}/usr/bin/heron
printf 'heron of sbin' > %{buildroot}/sbin/heron-admin
printf 'as shipped' > %{buildroot}/etc/heron.conf
touch %{buildroot}/etc/heron.state
%files
/usr/bin/heron
/sbin/heron-admin
%config(noreplace) /etc/heron.conf
%ghost /etc/heron.state
`

// rpmHost is a host on which the real rpm installed a package that the real
// rpmbuild made, into its SQLite database, by digests of an algorithm.
func rpmHost(t *testing.T, algorithm string) host {
	t.Helper()
	rpmbuild := testneed.Command(t, "rpmbuild", "apt-get install rpm")
	rpm := testneed.Command(t, "rpm", "apt-get install rpm")
	h, build := newHost(t), newHost(t)
	run(t, rpmbuild, "-bb", "--define", "_topdir "+build.root, "--define", "_binary_filedigest_algorithm "+algorithm, build.put("heron.spec", spec))
	built, _ := filepath.Glob(filepath.Join(build.root, "RPMS/noarch/*.rpm"))
	if len(built) != 1 {
		t.Fatalf("built %v", built)
	}
	run(t, rpm, "--dbpath", filepath.Join(h.root, rpmDirs[0]), "--define", "_db_backend sqlite",
		"-i", "--justdb", "--nodeps", "--ignoreos", "--noscripts", built[0])
	h.put("usr/bin/heron", "heron")
	h.put("usr/bin/heron-admin", "heron of sbin")
	h.put("etc/heron.conf", "changed")
	h.put("etc/heron.state", "any")
	h.put("usr/bin/own", "self-made")
	h.link("bin", "usr/sbin")
	h.link("usr/sbin", "sbin")
	return h
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.Bytes())
	}
	return string(out)
}

func TestRpmVouchesByTheAlgorithmOfThePackage(t *testing.T) {
	for number, name := range map[string]string{"1": "md5", "8": "sha256"} {
		t.Run(name, func(t *testing.T) {
			h := rpmHost(t, number)
			for path, want := range map[string]fact.Vouch{
				"usr/bin/heron":       {Verdict: "ok", Algorithm: name},
				"usr/bin/heron-admin": {Verdict: "ok", Algorithm: name}, // listed below /sbin
				"etc/heron.conf":      {Verdict: "modified", Algorithm: name},
				"etc/heron.state":     {Verdict: "unknown"},
			} {
				want.Name, want.Version, want.Type = "heron", "2:1.4-3", RPM
				if got := h.vouch(h.db(), path); got != want {
					t.Errorf("%s: got %+v, want %+v", path, got, want)
				}
			}
			if got := h.vouch(h.db(), "usr/bin/own"); got.Verdict != fact.VouchUnowned {
				t.Errorf("self-made: got %+v", got)
			}
		})
	}
}

// TestEveryFormatVouches asks each database of the fixtures for a file that it
// lists; the content is none of the package's.
func TestEveryFormatVouches(t *testing.T) {
	for _, c := range []struct{ place, file, pkg, path, algorithm string }{
		{"var/lib/rpm/Packages", "centos7.Packages", "hostname", "bin/hostname", "sha256"},
		{"var/lib/rpm/Packages", "libuuid.Packages", "libuuid", "usr/lib64/libuuid.so.1.3.0", "sha256"},
		{"var/lib/rpm/rpmdb.sqlite", "mariner2.rpmdb.sqlite", "bash", "bin/bash", "sha256"},
		{"usr/lib/sysimage/rpm/Packages.db", "sle15.Packages.db", "bash", "usr/bin/bash", "sha256"},
	} {
		t.Run(c.file, func(t *testing.T) {
			h := newHost(t)
			h.put(c.place, string(fixture(t, c.file)))
			h.put(c.path, "something else")
			got := h.vouch(h.db(), c.path)
			if got.Verdict != fact.VouchModified || got.Name != c.pkg || got.Algorithm != c.algorithm {
				t.Errorf("%s: got %+v, want it modified, of %s, by %s", c.path, got, c.pkg, c.algorithm)
			}
			h.put("usr/bin/own", "self-made")
			if got := h.vouch(h.db(), "usr/bin/own"); got.Verdict != fact.VouchUnowned {
				t.Errorf("self-made: got %+v", got)
			}
		})
	}
}

// The real rpm reads what it wrote; so must we, to the last package.
func TestSameAsRpm(t *testing.T) {
	rpm := testneed.Command(t, "rpm", "apt-get install rpm")
	for _, c := range []struct{ file, name, backend string }{
		{"Packages", "centos7.Packages", "bdb_ro"},
		{"Packages", "centos8.Packages", "bdb_ro"},
		{"rpmdb.sqlite", "fedora35.rpmdb.sqlite", "sqlite"},
		{"rpmdb.sqlite", "mariner2.rpmdb.sqlite", "sqlite"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t)
			h.put("var/lib/rpm/"+c.file, string(fixture(t, c.name)))
			found, _ := h.db().Packages(t.Context(), 1000)
			got := make(map[string]bool)
			for _, p := range found {
				got[p.Name+" "+p.Version] = true
			}
			if c.backend == "sqlite" { // the cut left out the tables that rpm finds things by
				run(t, rpm+"db", "--rebuilddb", "--dbpath", filepath.Join(h.root, rpmDirs[0]), "--define", "_db_backend sqlite")
			}
			out := run(t, rpm, "--dbpath", filepath.Join(h.root, rpmDirs[0]), "--define", "_db_backend "+c.backend,
				"-qa", "--qf", `%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n`)
			lines := strings.Fields(strings.ReplaceAll(out, " 0:", " "))
			if len(lines) != 2*len(found) {
				t.Errorf("rpm has %d packages, we %d", len(lines)/2, len(found))
			}
			for i := 0; i+1 < len(lines); i += 2 {
				if !got[lines[i]+" "+lines[i+1]] {
					t.Errorf("%s %s is missing", lines[i], lines[i+1])
				}
			}
		})
	}
}

// What a log holds counts up to the last transaction that ended: of one that
// was cut off nothing does, nor of one whose sums are wrong.
func TestOnlyWholeTransactionsOfALogCount(t *testing.T) {
	log := fixture(t, "mariner2-wal.rpmdb.sqlite-wal")
	broken := bytes.Clone(log)
	broken[logHeader+frameHeader+100] ^= 1
	alien := bytes.Clone(log)
	copy(alien[logHeader+8:], "otherone") // of the time before the log began anew
	for _, c := range []struct {
		why  string
		log  []byte
		want int
	}{
		{"all of it", log, 5},
		{"none", nil, 3},
		{"no frame", log[:logHeader], 3},
		{"half a frame", log[:logHeader+100], 3},
		{"the first frame is broken", broken, 3},
		{"other salts", alien, 3},
		{"no log at all", []byte(strings.Repeat("no log at all ", 100)), 3},
		{"the last byte is missing", log[:len(log)-1], 6},
	} {
		t.Run(c.why, func(t *testing.T) {
			h := newHost(t)
			h.put("var/lib/rpm/rpmdb.sqlite", string(fixture(t, "mariner2-wal.rpmdb.sqlite")))
			if c.log != nil {
				h.put("var/lib/rpm/rpmdb.sqlite-wal", string(c.log))
			}
			found, problems := h.db().Packages(t.Context(), 100)
			if len(found) != c.want || len(problems) != 0 {
				t.Errorf("%d packages, want %d; problems %v", len(found), c.want, problems)
			}
		})
	}
}
