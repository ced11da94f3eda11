//go:build linux

package packagedb

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
)

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func zOf(s string) string {
	sum := sha1.Sum([]byte(s))
	return "Q1" + base64.StdEncoding.EncodeToString(sum[:])
}

const installed = "Status: install ok installed\nArchitecture: amd64\n"

// debian is a host with merged /usr and three packages, of which one diverts a
// file of another.
func debian(t *testing.T) host {
	h := newHost(t)
	h.put("usr/bin/ls", "ls of coreutils")
	h.put("usr/bin/sh", "dash")
	h.put("usr/bin/sh.distrib", "bash as sh")
	h.put("usr/bin/vim.basic", "vim")
	h.put("usr/lib/x/libc.so", "libc")
	h.put("usr/bin/bare", "no digest")
	h.put("usr/local/bin/own", "self-made")
	h.put("etc/tool.conf", "as shipped")
	h.link("usr/bin", "bin")
	h.link("usr/lib", "lib")
	h.link("/etc/alternatives/vi", "usr/bin/vi")
	h.link("/usr/bin/vim.basic", "etc/alternatives/vi")
	h.put("var/lib/dpkg/status", "Package: coreutils\nVersion: 9.1-1\n"+installed+
		"\nPackage: dash\nVersion: 0.5.12-2\n"+installed+
		"\nPackage: bash\nVersion: 5.2\n"+installed+
		"\nPackage: vim\nVersion: 2:9.0\n"+installed+
		"Conffiles:\n /etc/tool.conf "+md5Of("as shipped")+"\n /etc/gone.conf "+md5Of("x")+" obsolete\n"+
		"\nPackage: libc6\nVersion: 2.36\nMulti-Arch: same\n"+installed+
		"\nPackage: left\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n")
	h.put("var/lib/dpkg/diversions", "/bin/sh\n/bin/sh.distrib\ndash\n")
	for name, files := range map[string]map[string]string{
		"coreutils":   {"/bin/ls": "ls of coreutils"},
		"dash":        {"/bin/sh": "dash"},
		"bash":        {"/bin/sh": "bash as sh"},
		"vim":         {"/usr/bin/vim.basic": "vim"},
		"libc6:amd64": {"/lib/x/libc.so": "libc"},
	} {
		list, sums := "/.\n/bin\n", ""
		for path, content := range files {
			list += path + "\n"
			sums += md5Of(content) + "  " + path[1:] + "\n"
		}
		if name == "vim" {
			list += "/usr/bin/bare\n/etc/tool.conf\n"
		}
		h.put("var/lib/dpkg/info/"+name+".list", list)
		h.put("var/lib/dpkg/info/"+name+".md5sums", sums)
	}
	h.put("var/lib/dpkg/info/left.list", "/usr/local/bin/own\n")
	return h
}

func TestDpkgVouches(t *testing.T) {
	h := debian(t)
	deb := func(verdict, name, version, algorithm string) fact.Vouch {
		return fact.Vouch{Verdict: verdict, Name: name, Version: version, Type: Deb, Algorithm: algorithm}
	}
	for _, c := range []struct {
		why, path string
		want      fact.Vouch
	}{
		{"listed below /bin, which is /usr/bin", "usr/bin/ls", deb("ok", "coreutils", "9.1-1", "md5")},
		{"asked for by the other name", "bin/ls", deb("ok", "coreutils", "9.1-1", "md5")},
		{"the package that diverts keeps the path", "usr/bin/sh", deb("ok", "dash", "0.5.12-2", "md5")},
		{"the diverted file has another place", "usr/bin/sh.distrib", deb("ok", "bash", "5.2", "md5")},
		{"of a package of several architectures", "usr/lib/x/libc.so", deb("ok", "libc6", "2.36", "md5")},
		{"a configuration file", "etc/tool.conf", deb("ok", "vim", "2:9.0", "md5")},
		{"listed without a digest", "usr/bin/bare", deb("unknown", "vim", "2:9.0", "")},
		{"listed by a removed package only", "usr/local/bin/own", fact.Vouch{Verdict: "unowned"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			if got := h.vouch(h.db(), c.path); got != c.want {
				t.Errorf("%s: got %+v, want %+v", c.path, got, c.want)
			}
		})
	}
}

func TestOtherContentIsModified(t *testing.T) {
	h := debian(t)
	db := h.db()
	h.put("usr/bin/ls", "ls of somebody else")
	h.put("usr/bin/sh", "bash as sh") // right for another path
	for path, name := range map[string]string{"usr/bin/ls": "coreutils", "usr/bin/sh": "dash"} {
		if got := h.vouch(db, path); got.Verdict != fact.VouchModified || got.Name != name {
			t.Errorf("%s: got %+v, want it modified and of %s", path, got, name)
		}
	}
}

// The image of a program that was upgraded under it is the old package's.
func TestContentWithoutANameIsNotHeldAgainstThePackage(t *testing.T) {
	h := debian(t)
	f, err := os.Open(filepath.Join(h.root, "usr/bin/ls"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	os.Remove(f.Name())
	h.put("usr/bin/ls", "the new ls")
	h.put("var/lib/dpkg/info/coreutils.md5sums", md5Of("the new ls")+"  bin/ls\n")
	if got := h.db().Vouch("/usr/bin/ls", f); got.Verdict != fact.VouchUnknown || got.Name != "coreutils" {
		t.Errorf("old image: got %+v, want unknown and coreutils", got)
	}
	if got := h.vouch(h.db(), "usr/bin/ls"); got.Verdict != fact.VouchOK {
		t.Errorf("new file: got %+v, want ok", got)
	}
}

func TestAPackageThatIsBeingReplacedIsNotHeldToItsOldDigests(t *testing.T) {
	h := debian(t)
	h.put("usr/bin/ls", "the new ls, unpacked a moment ago")
	h.put("var/lib/dpkg/updates/0001", "Package: coreutils\nStatus: install ok half-installed\nArchitecture: amd64\nVersion: 9.1-1\n")
	if got := h.vouch(h.db(), "usr/bin/ls"); got.Verdict != fact.VouchUnknown {
		t.Errorf("got %+v, want unknown", got)
	}
}

func TestWhileTheLockIsHeldNothingIsModified(t *testing.T) {
	h := debian(t)
	h.put("usr/bin/ls", "the new ls")
	lock, err := os.OpenFile(h.put("var/lib/dpkg/lock", ""), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	if got := h.vouch(h.db(), "usr/bin/ls"); got.Verdict != fact.VouchUnknown {
		t.Errorf("locked: got %+v, want unknown", got)
	}
	lock.Close()
	if got := h.vouch(h.db(), "usr/bin/ls"); got.Verdict != fact.VouchModified {
		t.Errorf("free again: got %+v, want modified", got)
	}
}

func TestWithoutADatabaseNothingIsUnowned(t *testing.T) {
	h := newHost(t)
	h.put("usr/bin/ls", "ls")
	if got := h.vouch(h.db(), "usr/bin/ls"); got.Verdict != fact.VouchUnknown {
		t.Errorf("got %+v, want unknown", got)
	}
	h = debian(t)
	if err := unix.Mkfifo(filepath.Join(h.root, "var/lib/dpkg/info/fifo.list"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := h.vouch(h.db(), "usr/local/bin/own"); got.Verdict != fact.VouchUnknown {
		t.Errorf("with a list that cannot be read: got %+v, want unknown", got)
	}
}

func TestDistrolessVouchesFromStatusD(t *testing.T) {
	h := newHost(t)
	h.put("usr/bin/tool", "tool")
	h.put("var/lib/dpkg/status.d/tool", "Package: tool\nVersion: 1.0\nArchitecture: amd64\n")
	h.put("var/lib/dpkg/status.d/tool.md5sums", md5Of("tool")+"  usr/bin/tool\n")
	want := fact.Vouch{Verdict: "ok", Name: "tool", Version: "1.0", Type: Deb, Algorithm: "md5"}
	if got := h.vouch(h.db(), "usr/bin/tool"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if found, problems := h.db().Packages(t.Context(), 10); len(found) != 1 || len(problems) != 0 {
		t.Errorf("packages: %v, %v", found, problems)
	}
}

func TestApkVouches(t *testing.T) {
	h := newHost(t)
	h.put("bin/busybox", "busybox")
	h.put("etc/motd", "changed")
	h.put("root-file", "at the top")
	h.put("usr/bin/own", "self-made")
	h.put("lib/apk/db/installed", "C:Q1x\nP:busybox\nV:1.36.1-r2\nA:x86_64\nF:\nR:root-file\nZ:"+zOf("at the top")+
		"\nF:bin\nM:0:0:755\nR:busybox\na:0:0:755\nZ:"+zOf("busybox")+"\nF:etc\nR:motd\nZ:"+zOf("welcome")+"\n\n")
	for path, want := range map[string]string{"bin/busybox": "ok", "root-file": "ok", "etc/motd": "modified", "usr/bin/own": "unowned"} {
		got := h.vouch(h.db(), path)
		if got.Verdict != want || want != "unowned" && (got.Name != "busybox" || got.Version != "1.36.1-r2" || got.Algorithm != "sha1") {
			t.Errorf("%s: got %+v, want %s", path, got, want)
		}
	}
}

func TestAnswersAreKeptUntilSomethingChanges(t *testing.T) {
	h := debian(t)
	db := h.db()
	now := time.Now().Add(time.Minute)
	db.now = func() time.Time { return now }
	if got := h.vouch(db, "usr/bin/ls"); got.Verdict != fact.VouchOK {
		t.Fatalf("got %+v", got)
	}
	known := func() bool {
		f, err := os.Open(filepath.Join(h.root, "usr/bin/ls"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		st, _ := status(f)
		_, ok := db.Known("/usr/bin/ls", digest.KeyOf(&st))
		return ok
	}
	if !known() {
		t.Error("the answer is not kept")
	}
	h.put("var/lib/dpkg/status", "Package: other\nVersion: 1\n"+installed)
	now = now.Add(2 * recheck)
	if known() {
		t.Error("the answer outlives the database")
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	h := debian(t)
	db := h.db()
	var wg sync.WaitGroup
	for i := range 40 {
		path := []string{"usr/bin/ls", "usr/bin/sh", "usr/lib/x/libc.so", "etc/tool.conf"}[i%4]
		wg.Go(func() {
			if got := h.vouch(db, path); got.Verdict != fact.VouchOK {
				t.Errorf("%s: got %+v", path, got)
			}
		})
	}
	wg.Wait()
}

func TestTooManyQuestionsAreRefused(t *testing.T) {
	h := debian(t)
	db := h.db()
	hold := make(chan struct{})
	db.rest = func(time.Duration) { <-hold }
	defer close(hold)
	refused := 0
	answered := make(chan fact.Vouch, 3*waiting)
	for range 3 * waiting {
		f, err := os.Open(filepath.Join(h.root, "usr/bin/ls"))
		if err != nil {
			t.Fatal(err)
		}
		if !db.Ask("/usr/bin/ls", f, func(v fact.Vouch) { answered <- v }) {
			refused++
			if _, err := f.Stat(); err == nil {
				t.Error("the file of a refused question stays open")
			}
		}
	}
	if refused == 0 {
		t.Error("none was refused")
	}
	<-answered
}
