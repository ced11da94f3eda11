package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hub runs a command line and returns its exit code and what it wrote.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func initialised(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hub")
	if code, out, errs := command(t, "init", "--dir", dir, "--listen", "127.0.0.1:0", "--ui", "127.0.0.1:0"); code != 0 || !strings.Contains(out, "picket-hub serve --dir "+dir) {
		t.Fatalf("init: %d\n%s%s", code, out, errs)
	}
	return dir
}

func TestExitCodes(t *testing.T) {
	dir := initialised(t)
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string // on standard output for 0, else on standard error
	}{
		{"no words", nil, 0, "picket-hub init --dir"},
		{"help", []string{"--help"}, 0, "Exit codes"},
		{"help of a command", []string{"serve", "--help"}, 0, `{"event":"ready"`},
		{"a wrong word", []string{"server"}, 2, "see picket-hub --help"},
		{"a wrong flag", []string{"serve", "--dir", dir, "--no-such-flag"}, 2, "unknown flag"},
		{"no folder named", []string{"init"}, 2, "--dir"},
		{"init again", []string{"init", "--dir", dir}, 2, "db.already_exists"},
		{"init with a wrong address", []string{"init", "--dir", dir + "2", "--listen", "here"}, 2, "malformed address"},
		{"serve what is no hub", []string{"serve", "--dir", t.TempDir()}, 2, "picket-hub init"},
		{"serve with rules that are not there", []string{"serve", "--dir", dir, "--rules", dir + "/none"}, 2, "none"},
		{"check what is no hub", []string{"check", "--dir", t.TempDir()}, 2, "db.not_initialised"},
		{"check", []string{"check", "--dir", dir}, 0, "0 faults"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := command(t, tt.args...)
			text := out
			if tt.code != 0 {
				text = errs
			}
			if code != tt.code || !strings.Contains(text, tt.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, tt.code, tt.says, out, errs)
			}
		})
	}
}

func TestServeSaysWhereItIsAndStops(t *testing.T) {
	dir := initialised(t)
	for _, asJSON := range []bool{true, false} {
		args := []string{"serve", "--dir", dir}
		if asJSON {
			args = append(args, "--json")
		}
		manager := serviceManager(t)
		ctx, stop := context.WithCancel(t.Context())
		out, in := io.Pipe()
		done := make(chan int, 1)
		var errs bytes.Buffer
		go func() {
			done <- run(ctx, args, in, &errs)
			in.Close()
		}()
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatalf("%v\n%s", err, errs.String())
		}
		go io.Copy(io.Discard, out)
		if asJSON {
			var ready struct{ Event, Hub, UI string }
			if err := json.Unmarshal([]byte(line), &ready); err != nil || ready.Event != "ready" || !strings.HasPrefix(ready.Hub, "https://127.0.0.1:") ||
				!strings.Contains(ready.UI, "/?key=") {
				t.Errorf("the first line is %q", line)
			}
		} else if !strings.Contains(line, "https://127.0.0.1:") {
			t.Errorf("the first line is %q", line)
		}
		if got := manager(); got != "READY=1" {
			t.Errorf("a hub that takes connections tells the service manager %q", got)
		}
		stop()
		if got := manager(); got != "STOPPING=1" {
			t.Errorf("a hub that was told to stop tells the service manager %q", got)
		}
		if code := <-done; code != 0 {
			t.Errorf("exit code %d after being told to stop:\n%s", code, errs.String())
		}
	}
}

// serviceManager listens as one does and returns what waits for the next word.
// Source: sd_notify(3).
func serviceManager(t *testing.T) (next func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		word := make([]byte, 100)
		c.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := c.Read(word)
		if err != nil {
			t.Fatal(err)
		}
		return string(word[:n])
	}
}

func TestCheckTellsWhereItBreaks(t *testing.T) {
	dir := initialised(t)
	db, err := sql.Open("sqlite3", filepath.Join(dir, "hub.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(`INSERT INTO sessions (host, id, first_sent, last_seq, last_digest) SELECT n, zeroblob(16), 0, 7, zeroblob(32) FROM hosts`)
	if err != nil {
		t.Fatal(err)
	}
	code, out, _ := command(t, "check", "--dir", dir)
	if code != 1 || !strings.Contains(out, "session 00000000000000000000000000000000") || !strings.Contains(out, "up to number 7") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	code, out, _ = command(t, "check", "--dir", dir, "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var summary struct {
		Event  string
		OK     bool
		Faults int
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil || code != 1 || summary.Event != "summary" || summary.OK || summary.Faults != 1 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestThreat_T2_InitShowsNoSecret: the first access token is in a file for its
// owner, and on no screen.
func TestThreat_T2_InitShowsNoSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	_, out, errs := command(t, "init", "--dir", dir, "--json")
	info, err := os.Stat(filepath.Join(dir, "profile.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("profile.json: %v, %v", info, err)
	}
	if strings.Contains(out+errs, "pka1.") {
		t.Errorf("init shows the token:\n%s%s", out, errs)
	}
}
