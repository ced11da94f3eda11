//go:build linux

package packagedb

import "testing"

// fixtures are databases as distributions have them; testdata/SOURCE.md says
// where each is from and what was cut.
var fixtures = []struct {
	name  string
	files map[string]string // place on the host, file of testdata
}{
	{"debian-11", map[string]string{"var/lib/dpkg/status": "debian-11.status"}},
	{"debian-12", map[string]string{"var/lib/dpkg/status": "debian-12.status"}},
	{"alpine", map[string]string{"lib/apk/db/installed": "alpine.installed"}},
	{"alpine-merged-usr", map[string]string{"usr/lib/apk/db/installed": "alpine.installed"}},
	{"centos-7", map[string]string{"var/lib/rpm/Packages": "centos7.Packages"}},
	{"centos-8", map[string]string{"var/lib/rpm/Packages": "centos8.Packages"}},
	{"rhel-8-libuuid", map[string]string{"var/lib/rpm/Packages": "libuuid.Packages"}},
	{"fedora-35", map[string]string{"var/lib/rpm/rpmdb.sqlite": "fedora35.rpmdb.sqlite"}},
	{"fedora-35-sysimage", map[string]string{"usr/lib/sysimage/rpm/rpmdb.sqlite": "fedora35.rpmdb.sqlite"}},
	{"mariner-2", map[string]string{"var/lib/rpm/rpmdb.sqlite": "mariner2.rpmdb.sqlite"}},
	{"mariner-2-wal", map[string]string{"var/lib/rpm/rpmdb.sqlite": "mariner2-wal.rpmdb.sqlite",
		"var/lib/rpm/rpmdb.sqlite-wal": "mariner2-wal.rpmdb.sqlite-wal"}},
	{"sle-15", map[string]string{"usr/lib/sysimage/rpm/Packages.db": "sle15.Packages.db"}},
}

func TestDatabasesOfDistributions(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			h := newHost(t)
			for place, name := range f.files {
				h.put(place, string(fixture(t, name)))
			}
			found, problems := h.db().Packages(t.Context(), 1000)
			if len(found) == 0 || len(problems) > 0 {
				t.Fatalf("%d packages, problems %v", len(found), problems)
			}
			golden(t, f.name, found)
		})
	}
}

func TestWithoutAnyDatabaseNothingIsFoundAndNothingIsWrong(t *testing.T) {
	h := newHost(t)
	if found, problems := h.db().Packages(t.Context(), 10); len(found)+len(problems) != 0 {
		t.Errorf("got %v, %v", found, problems)
	}
}

func TestTheFirstByKeyAreKept(t *testing.T) {
	h := newHost(t)
	h.put("var/lib/dpkg/status", string(fixture(t, "debian-12.status")))
	all, _ := h.db().Packages(t.Context(), 1000)
	for _, max := range []int{1, 5, 11} {
		found, problems := h.db().Packages(t.Context(), max)
		if len(found) != max || found[max-1] != all[max-1] {
			t.Errorf("at most %d: got %v", max, found)
		}
		if len(problems) != 1 || problems[0].Count != int64(len(all)-max) {
			t.Errorf("at most %d: problems %v", max, problems)
		}
	}
}
