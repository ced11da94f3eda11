//go:build linux

package plant_test

import (
	"bytes"
	"crypto/tls"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/plant"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(t testing.TB, name string) plant.Kind {
	t.Helper()
	k, err := plant.KindOf(name)
	must(t, err)
	return k
}

// TestContent: every kind has the form of what it pretends to be.
func TestContent(t *testing.T) {
	for name, pattern := range map[string]string{
		"aws":    `(?m)^\[default\]\naws_access_key_id = AKIA[A-Z2-7]{16}\naws_secret_access_key = [A-Za-z0-9+/]{40}\n`,
		"ssh":    `^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=]{1,70}\n)+-----END OPENSSH PRIVATE KEY-----\n$`,
		"env":    `(?m)^APP_ENV=production\n([A-Z_]+=\S+\n){7}$`,
		"dump":   `(?m)^-- Dumped by pg_dump version 1\d\.\d$`,
		"kube":   `(?m)^    server: https://10\.\d+\.\d+\.\d+:6443$`,
		"shadow": `^root:\$6\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}:\d{5}:0:99999:7:::\ndaemon:\*:\d{5}:0:99999:7:::\n`,
	} {
		data, age, err := kind(t, name).Make(noon)
		must(t, err)
		if !regexp.MustCompile(pattern).Match(data) {
			t.Errorf("%s does not look like one:\n%.300s", name, data)
		}
		if old := noon.Sub(age); old < 30*24*time.Hour || old > 366*24*time.Hour {
			t.Errorf("%s looks %v old, want a month to a year", name, old)
		}
	}
}

// TestNothingInCommon: no line of 24 characters or more that could be searched
// for is the same on two hosts, but those that every real file of the kind has.
func TestNothingInCommon(t *testing.T) {
	usual := regexp.MustCompile(`(?i)postgres|pg_dump|^--|^SET |^CREATE|^ +\w+ |^ALTER|^COPY|PRIVATE KEY|^b3BlbnNzaC1rZXkt|kubernetes-admin|:\*:`)
	for _, k := range plant.Kinds {
		one, _, err := k.Make(noon)
		must(t, err)
		two, _, err := k.Make(noon)
		must(t, err)
		if bytes.Equal(one, two) {
			t.Errorf("%s is the same twice", k.Type)
		}
		lines := map[string]bool{}
		for line := range strings.Lines(string(one)) {
			lines[line] = true
		}
		for line := range strings.Lines(string(two)) {
			if len(line) >= 24 && len(line) < 200 && lines[line] && !usual.MatchString(line) && k.Type != "browser" {
				t.Errorf("%s has the line %q on two hosts", k.Type, line)
			}
		}
	}
}

func TestLoginDataIsADatabase(t *testing.T) {
	data, _, err := kind(t, "browser").Make(noon)
	must(t, err)
	path := filepath.Join(t.TempDir(), "Login Data")
	must(t, os.WriteFile(path, data, 0o600))
	db, err := sql.Open("sqlite3", "file:"+strings.ReplaceAll(path, " ", "%20")+"?mode=ro")
	must(t, err)
	defer db.Close()
	var whole string
	must(t, db.QueryRow("PRAGMA integrity_check").Scan(&whole))
	var rows int
	must(t, db.QueryRow("SELECT count(*) FROM logins WHERE origin_url LIKE 'https://%' AND substr(password_value, 1, 3) = CAST('v10' AS BLOB) AND date_created > 13000000000000000").Scan(&rows))
	if whole != "ok" || rows < 4 {
		t.Errorf("sqlite says %q, and there are %d logins", whole, rows)
	}
}

func TestKubeConfigHoldsAKeyPair(t *testing.T) {
	data, _, err := kind(t, "kube").Make(noon)
	must(t, err)
	part := func(name string) []byte {
		found := regexp.MustCompile(name + `: (\S+)`).FindSubmatch(data)
		der, err := base64.StdEncoding.DecodeString(string(found[1]))
		must(t, err)
		return der
	}
	_, err = tls.X509KeyPair(part("client-certificate-data"), part("client-key-data"))
	must(t, err)
}

// TestPlanted: owner, mode and age are those of the neighbourhood, the folder
// looks untouched, and what was planted goes again.
func TestPlanted(t *testing.T) {
	testneed.Root(t)
	dir := filepath.Join(t.TempDir(), "home")
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "notes"), []byte("x"), 0o604))
	old := noon.AddDate(-2, 0, 0)
	must(t, os.Chtimes(filepath.Join(dir, "notes"), old, old))
	must(t, os.Chown(dir, 4711, 4712))
	must(t, os.Chtimes(dir, old, old))
	m := new(plant.Manifest)
	p, err := m.Plant(kind(t, "env"), filepath.Join(dir, ".env"), noon, nil)
	must(t, err)
	var st, folder unix.Stat_t
	must(t, unix.Stat(p.Path, &st))
	must(t, unix.Stat(dir, &folder))
	if st.Uid != 4711 || st.Gid != 4712 || st.Mode&0o7777 != 0o604 || st.Ino != p.Inode {
		t.Errorf("planted as %+v", st)
	}
	if made := time.Unix(st.Mtim.Unix()); made.After(old) || st.Atim != st.Mtim || st.Mtim.Nsec%1000 == 0 && st.Mtim.Nsec%1000000 == 0 {
		t.Errorf("looks made at %v, beside one of %v", made, old)
	}
	if time.Unix(folder.Mtim.Unix()).Unix() != old.Unix() {
		t.Errorf("the folder looks changed at %v", time.Unix(folder.Mtim.Unix()))
	}
	deep, err := m.Plant(kind(t, "aws"), filepath.Join(dir, "a/b/credentials"), noon, func(id string) bool { return id == "aws" })
	must(t, err)
	must(t, unix.Stat(filepath.Dir(deep.Path), &st))
	if deep.ID != "aws-2" || st.Uid != 4711 || st.Mode&0o777 != 0o700 {
		t.Errorf("planted %+v in a folder of %d, mode %o", deep, st.Uid, st.Mode)
	}
	for _, c := range []plant.Planted{p, deep} {
		if c.State() != "ok" {
			t.Errorf("%s is %s", c.ID, c.State())
		}
		must(t, m.Remove(c.ID, false))
		if c.State() != "gone" || len(m.Canaries) > 1 {
			t.Errorf("%s is %s; left %v", c.ID, c.State(), m.Canaries)
		}
	}
	names, err := os.ReadDir(dir)
	must(t, err)
	if len(names) != 2 { // notes and a
		t.Errorf("left over: %v", names)
	}
}

// TestNothingElseIsTouched: what is there stays, and what is not as it was
// planted is not taken away.
func TestNothingElseIsTouched(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credentials")
	must(t, os.WriteFile(path, []byte("mine"), 0o600))
	m := new(plant.Manifest)
	if _, err := m.Plant(kind(t, "aws"), path, noon, nil); !errors.Is(err, plant.ErrTaken) {
		t.Errorf("planting over a file: %v", err)
	}
	must(t, os.Remove(path))
	for name, change := range map[string]func() error{
		"written": func() error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"same size": func() error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			defer f.Close()
			_, err = f.WriteAt([]byte("x"), 0)
			return err
		},
		"replaced": func() error {
			data, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path+".new", data, 0o600))
			return os.Rename(path+".new", path)
		},
		"a folder": func() error { must(t, os.Remove(path)); return os.Mkdir(path, 0o700) },
	} {
		p, err := m.Plant(kind(t, "aws"), path, noon, nil)
		must(t, err)
		must(t, change())
		if err := m.Remove(p.ID, false); !errors.Is(err, plant.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path); err != nil || len(m.Canaries) != 1 {
			t.Errorf("%s: %v, manifest %v", name, err, m.Canaries)
		}
		must(t, os.RemoveAll(path))
		if err := m.Remove(p.ID, false); !errors.Is(err, plant.ErrGone) || len(m.Canaries) != 0 {
			t.Errorf("%s, then gone: %v, manifest %v", name, err, m.Canaries)
		}
	}
}

// TestManifestIsForRootAlone, and holds what was written.
func TestManifestIsForRootAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "canaries.json")
	m, err := plant.Load(path)
	must(t, err)
	_, err = m.Plant(kind(t, "shadow"), filepath.Join(t.TempDir(), "shadow.bak"), noon, nil)
	must(t, err)
	must(t, m.Save(path))
	info, err := os.Stat(path)
	must(t, err)
	again, err := plant.Load(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 || len(again.Canaries) != 1 || again.Canaries[0] != m.Canaries[0] {
		t.Errorf("mode %v, %+v", info.Mode(), again)
	}
}

// TestSensorConfig: the list changes and nothing else.
func TestSensorConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sensor.json")
	must(t, os.WriteFile(path, []byte(`{"state_dir":"/s","canaries":[{"id":"ssh","path":"/x"}],"queue":{"facts":7}}`), 0o640))
	c, err := plant.OpenSensorConfig(path)
	must(t, err)
	p := plant.Planted{ID: "aws", Type: "aws", Path: "/root/.aws/credentials"}
	c.Add(p)
	must(t, c.Save())
	data, err := os.ReadFile(path)
	must(t, err)
	var compact bytes.Buffer
	must(t, json.Compact(&compact, data))
	if want := `{"canaries":[{"id":"ssh","path":"/x"},{"id":"aws","path":"/root/.aws/credentials","type":"aws"}],"queue":{"facts":7},"state_dir":"/s"}`; compact.String() != want {
		t.Errorf("written %s", compact.String())
	}
	c.Drop(plant.Planted{ID: "ssh", Path: "/other"})
	c.Drop(p)
	if !c.Has("ssh") || c.Has("aws") {
		t.Error("took out the wrong one")
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestThreat_S11_SwappedParent: an owner of the folder swaps it for a link to
// /etc, and the name for a link to /etc/shadow, while root plants there ten
// thousand times. Nothing outside is changed or made.
func TestThreat_S11_SwappedParent(t *testing.T) {
	testneed.Root(t)
	tries := 10_000
	top := t.TempDir()
	outside := filepath.Join(top, "etc")
	must(t, os.Mkdir(outside, 0o755))
	victim := filepath.Join(outside, "shadow")
	must(t, os.WriteFile(victim, []byte("root:secret"), 0o640))
	var shadow, before unix.Stat_t
	must(t, unix.Stat("/etc/shadow", &shadow))
	must(t, unix.Stat(victim, &before))
	home := filepath.Join(top, "home")
	must(t, os.MkdirAll(filepath.Join(home, "d"), 0o755))
	must(t, os.Symlink(outside, filepath.Join(home, "link")))
	must(t, os.Symlink("/etc/shadow", filepath.Join(home, "d", "file")))
	must(t, os.Chown(home, 65534, 65534))
	must(t, os.Chown(filepath.Join(home, "d"), 65534, 65534))

	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = unix.Renameat2(unix.AT_FDCWD, filepath.Join(home, "d"), unix.AT_FDCWD, filepath.Join(home, "link"), unix.RENAME_EXCHANGE)
		}
	})
	unsafe := 0
	for i := range tries {
		name := []string{"file", "shadow", "new"}[i%3]
		m := new(plant.Manifest)
		p, err := m.Plant(kind(t, "env"), filepath.Join(home, "d", name), noon, nil)
		switch {
		case errors.Is(err, plant.ErrUnsafePath) && strings.Contains(err.Error(), "canary.unsafe_path"):
			unsafe++
		case err == nil:
			_ = m.Remove(p.ID, true) // which is refused where the folder is a link by now
		case !errors.Is(err, plant.ErrTaken) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ENOTDIR):
			t.Fatal(err)
		}
	}
	close(stop)
	swapping.Wait()
	var after, st unix.Stat_t
	must(t, unix.Stat("/etc/shadow", &after))
	if after.Mtim != shadow.Mtim || after.Ctim != shadow.Ctim || after.Uid != shadow.Uid || after.Mode != shadow.Mode {
		t.Error("/etc/shadow was touched")
	}
	names, err := os.ReadDir(outside)
	must(t, err)
	must(t, unix.Stat(victim, &st))
	if st != before || len(names) != 1 || unsafe == 0 {
		t.Errorf("outside lies %v; %d of %d tries met a link", names, unsafe, tries)
	}
}
