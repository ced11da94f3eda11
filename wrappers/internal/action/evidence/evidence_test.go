package evidence_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/evidence"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func host(t testing.TB) action.Root {
	testneed.Root(t)
	root := action.Root{Dir: t.TempDir()}
	for _, dir := range []string{"run", "var/log", "srv"} {
		must(t, os.MkdirAll(filepath.Join(root.Dir, dir), 0o755))
	}
	return root
}

func refused(t testing.TB, err error, code string) {
	t.Helper()
	var r *action.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("%v, want the refusal %s", err, code)
	}
}

// everything is all that a token can ask for but files.
var everything = []string{"processes", "sockets", "logins"}

// collect makes a bundle and reads it, each line by its kind.
func collect(t testing.TB, root action.Root, args evidence.Args) (action.Effect, map[string][]map[string]any) {
	t.Helper()
	r, err := evidence.Prepare(root, "test", args)
	must(t, err)
	data, err := strictjson.Encode(r)
	must(t, err)
	var again evidence.Record
	must(t, strictjson.Decode(data, strictjson.Limits{}, &again, nil))
	effect, err := again.Do(root)
	must(t, err)
	f, err := evidence.Open(root, "test")
	must(t, err)
	defer f.Close()
	all, err := io.ReadAll(f)
	must(t, err)
	if action.Hash(all) != effect["sha256"] || strconv.Itoa(len(all)) != effect["bytes"] {
		t.Errorf("%d bytes with the hash %s, effect %v", len(all), action.Hash(all), effect)
	}
	lines := map[string][]map[string]any{}
	for line := range bytes.Lines(all) {
		must(t, strictjson.Check(line, strictjson.Limits{}))
		var i map[string]any
		must(t, json.Unmarshal(line, &i))
		kind := i["kind"].(string)
		lines[kind] = append(lines[kind], i)
	}
	if len(lines["cut"]) != 1 || lines["cut"][0]["why"] != effect["cut"] {
		t.Errorf("cut %v, effect %v", lines["cut"], effect)
	}
	return effect, lines
}

func TestCollect(t *testing.T) {
	root := host(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	text := bytes.Repeat([]byte("0123456789"), 3000)
	must(t, os.WriteFile(filepath.Join(root.Dir, "srv/a\xff"), text, 0o640))
	must(t, os.Symlink("a\xff", filepath.Join(root.Dir, "srv/link")))
	must(t, unix.Mkfifo(filepath.Join(root.Dir, "srv/pipe"), 0o644))
	must(t, os.WriteFile(filepath.Join(root.Dir, "var/log/wtmp"), bytes.Repeat([]byte{7}, 384*600+100), 0o644))
	args := evidence.Args{What: everything, Files: []string{"/srv/a\xff", "/srv/link", "/srv/pipe", "/srv/none", "/../x"}}
	effect, lines := collect(t, root, args)
	for _, want := range []string{"older records of wtmp:100", "utmp cannot be read:1"} {
		if !strings.Contains(effect["cut"], want) {
			t.Errorf("cut %q does not tell %q", effect["cut"], want)
		}
	}
	st, err := os.Stat(filepath.Join(root.State(), "evidence/test"))
	if must(t, err); st.Mode() != 0o600 {
		t.Errorf("its mode is %v", st.Mode())
	}
	self, err := os.Open("/proc/self/exe")
	must(t, err)
	defer self.Close()
	sum, err := action.Digest(self, 1<<30)
	must(t, err)
	inode := ""
	port := fmt.Sprintf(":%04X ", l.Addr().(*net.TCPAddr).Port)
	for _, i := range lines["socket"] {
		var line []byte
		must(t, json.Unmarshal([]byte(strconv.Quote(i["line"].(string))), &line))
		if f := strings.Fields(string(line)); i["table"] == "tcp" && strings.Contains(string(line), port) && f[3] == "0A" {
			inode = f[9]
		}
	}
	found := false
	for _, i := range lines["process"] {
		if i["pid"] == float64(os.Getpid()) {
			found = true
			if i["sha256"] != sum || inode == "" || !strings.Contains(fmt.Sprint(i["sockets"]), inode) {
				t.Errorf("this process is told as %v, its socket is %q", i, inode)
			}
		}
	}
	if !found || len(lines["login"]) != 500 || len(lines["file"]) != 5 {
		t.Errorf("this process is told: %v; %d logins, %d files", found, len(lines["login"]), len(lines["file"]))
	}
	var content []byte
	for _, i := range lines["content"] {
		var data []byte
		must(t, json.Unmarshal([]byte(strconv.Quote(i["data"].(string))), &data))
		content = append(content, data...)
	}
	if !bytes.Equal(content, text) || lines["file"][0]["sha256"] != action.Hash(text) {
		t.Errorf("%d bytes of the file %v", len(content), lines["file"][0])
	}
	for i, why := range []string{"", "not a regular file", "not a regular file", "no such file", "eat.bad_param"} {
		if got, _ := lines["file"][i]["why"].(string); !strings.Contains(got, why) || (got == "") != (why == "") {
			t.Errorf("%v: want %q", lines["file"][i], why)
		}
	}
	again, _ := collect(t, root, args)
	if again["sha256"] != effect["sha256"] {
		t.Error("a second time it is another bundle")
	}
}

// TestBounds: a bundle is no larger than asked, takes no longer, and says what
// is not in it.
func TestBounds(t *testing.T) {
	root := host(t)
	must(t, os.WriteFile(filepath.Join(root.Dir, "srv/large"), nil, 0o644))
	must(t, os.Truncate(filepath.Join(root.Dir, "srv/large"), 1<<40))
	began := time.Now()
	effect, lines := collect(t, root, evidence.Args{What: everything, Files: []string{"/srv/large"}, Bytes: 60_000, Seconds: 5})
	if n, _ := strconv.Atoi(effect["bytes"]); n > 60_000 || n < 30_000 || !strings.Contains(effect["cut"], "content: no room:1") {
		t.Errorf("effect %v", effect)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if len(lines["content"]) == 0 || lines["file"][0]["sha256"] != nil {
		t.Errorf("the file is told as %v with %d parts", lines["file"], len(lines["content"]))
	}
	for _, c := range []struct {
		id   string
		args evidence.Args
	}{{"", evidence.Args{}}, {"../x", evidence.Args{}}, {"x", evidence.Args{Bytes: 1 << 40}}, {"x", evidence.Args{Bytes: -1}},
		{"x", evidence.Args{Seconds: 1000}}, {"x", evidence.Args{Files: make([]string, 101)}}} {
		_, err := evidence.Prepare(root, c.id, c.args)
		refused(t, err, "eat.bad_param")
	}
	for _, id := range []string{"../x", ""} {
		_, err := evidence.Open(root, id)
		refused(t, err, "eat.bad_param")
	}
}

// Only what was asked for is in it.
func TestWhatIsCollected(t *testing.T) {
	for what, kind := range map[string]string{"processes": "process", "sockets": "socket", "logins": "login"} {
		root := host(t)
		must(t, os.WriteFile(filepath.Join(root.Dir, "var/log/wtmp"), make([]byte, 384), 0o644))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		_, lines := collect(t, root, evidence.Args{What: []string{what}})
		l.Close()
		for _, k := range []string{"process", "socket", "login"} {
			if (len(lines[k]) > 0) != (k == kind) {
				t.Errorf("asked for %s: %d lines of %s", what, len(lines[k]), k)
			}
		}
	}
}

// Older bundles make room, the oldest first, and the receipt counts them.
func TestOldBundlesMakeRoom(t *testing.T) {
	root := host(t)
	ask := func(id string, bytes int64) action.Effect {
		r, err := evidence.Prepare(root, id, evidence.Args{What: []string{"logins"}, Bytes: bytes})
		must(t, err)
		effect, err := r.Do(root)
		must(t, err)
		return effect
	}
	for n := range 16 {
		if e := ask(fmt.Sprintf("a%02d", n), 1<<20); e["pruned"] != "" {
			t.Fatalf("bundle %d: %v", n, e)
		}
	}
	dir := filepath.Join(root.State(), "evidence")
	must(t, os.WriteFile(filepath.Join(dir, "b.part"), nil, 0o600)) // of a wrapper that was killed
	if e := ask("b", 1<<20); e["pruned"] != "2" {
		t.Errorf("the 17th and half of one: %v", e)
	}
	if _, err := evidence.Open(root, "a00"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the oldest is there: %v", err)
	}
	for _, id := range []string{"a12", "a13", "a14"} {
		must(t, os.Truncate(filepath.Join(dir, id), 64<<20))
	}
	if e := ask("c", 64<<20); e["pruned"] != "12" {
		t.Errorf("with 192 MiB in three: %v", e)
	}
	for id, want := range map[string]bool{"a12": false, "a13": true, "a14": true, "a15": true, "b": true, "c": true} {
		if _, err := os.Stat(filepath.Join(dir, id)); (err == nil) != want {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// What was gathered can be asked for again, while it is kept.
func TestAgain(t *testing.T) {
	root := host(t)
	_, err := evidence.Prepare(root, "x", evidence.Args{Again: "test"})
	refused(t, err, "evidence.gone")
	first, _ := collect(t, root, evidence.Args{What: []string{"logins"}})
	r, err := evidence.Prepare(root, "x", evidence.Args{Again: "test"})
	must(t, err)
	again, err := r.Do(root)
	if err != nil || again["sha256"] != first["sha256"] || again["id"] != "test" {
		t.Errorf("%v, %v; first %v", again, err, first)
	}
	must(t, os.Remove(filepath.Join(root.State(), "evidence/test")))
	if effect, err := r.Do(root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was gathered anew: %v, %v", effect, err)
	}
}
