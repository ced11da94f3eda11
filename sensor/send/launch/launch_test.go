//go:build linux

package launch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket.internal/sensor/send/launch"
)

// script is a program that stands in for sudo.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sudo")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestThreat_W5_TheWrapperGetsNoEnvironment: sudo is started by its path, with
// -n and the wrapper's path alone, with PATH and nothing else, and the delivery
// on standard input.
func TestThreat_W5_TheWrapperGetsNoEnvironment(t *testing.T) {
	for _, name := range []string{"LD_PRELOAD", "GODEBUG", "SUDO_ASKPASS", "PATH", "NOTIFY_SOCKET"} {
		t.Setenv(name, "/tmp/evil")
	}
	out := filepath.Join(t.TempDir(), "said")
	sudo := script(t, `{ tr '\0' '\n' < /proc/self/environ; echo "args $*"; pwd; cat; ls -l /proc/$$/fd; } > `+out+`; echo '{"receipt":1}'`)
	// The test's own file must not be handed down.
	leaked, err := os.Create(filepath.Join(t.TempDir(), "the-host-key"))
	if err != nil {
		t.Fatal(err)
	}
	defer leaked.Close()
	receipts, err := launch.NewTest(launch.Sudo, sudo, time.Minute).Launch(t.Context(), []byte("delivery\n"), nil)
	if err != nil || len(receipts) != 1 || string(receipts[0]) != `{"receipt":1}` {
		t.Fatalf("%q, %v", receipts, err)
	}
	said, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nargs -n /usr/libexec/picket/picket-emergency-action\n/\ndelivery\n"
	if got := string(said); !strings.HasPrefix(got, want) || strings.Contains(got, "the-host-key") {
		t.Errorf("it was started with\n%s\nwant\n%sand no file of the sensor's", got, want)
	}
}

func TestWhatComesOfSudo(t *testing.T) {
	for name, c := range map[string]struct {
		body     string
		receipts int
		id       string
	}{
		"a receipt":           {`cat >/dev/null; echo '{"a":1}'`, 1, ""},
		"old ones too":        {`echo '{"a":1}'; echo; echo '{"a":2}'; echo noise`, 2, ""},
		"input left unread":   {`echo '{"a":1}'`, 1, ""},
		"nothing":             {`cat >/dev/null`, 0, "launch.no_receipt"},
		"the wrapper's words": {`echo 'picket-emergency-action: trust.bad_owner: /etc/picket' >&2; exit 1`, 0, "trust.bad_owner"},
		"the same, quoted":    {`echo 'picket-emergency-action: "wrapper.sandboxed: CAP_KILL"' >&2; exit 1`, 0, "wrapper.sandboxed"},
		"receipts and words":  {`echo '{"a":1}'; echo 'picket-emergency-action: eat.bad_delivery: x' >&2; exit 1`, 1, "eat.bad_delivery"},
		"sudo's words":        {`echo 'sudo: a password is required' >&2; exit 1`, 0, "launch.failed"},
		"a made-up id":        {`echo 'picket-emergency-action: <b>: x' >&2; exit 1`, 0, "launch.failed"},
		"killed":              {`kill -9 $$`, 0, "launch.failed"},
		"far too much":        {`exec cat /dev/zero`, 0, "launch.output_too_long"},
		"too much to stderr":  {`head -c 1000000 /dev/zero >&2; echo '{"a":1}'`, 1, ""},
		"a child left behind": {`sleep 100 >/dev/null & echo '{"a":1}'`, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			receipts, err := launch.NewTest(launch.Sudo, script(t, c.body), 30*time.Second).Launch(t.Context(), make([]byte, 128<<10), nil)
			if len(receipts) != c.receipts {
				t.Errorf("%d receipts, want %d (%v)", len(receipts), c.receipts, err)
			}
			var e *launch.Error
			if (c.id == "") != (err == nil) || err != nil && (!errors.As(err, &e) || e.ID != c.id) {
				t.Errorf("%v, want %q", err, c.id)
			}
		})
	}
}

// TestAWrapperThatHangs: it is given up at the deadline, the next ones go on,
// and not more than four are ever left behind.
func TestAWrapperThatHangs(t *testing.T) {
	l := launch.NewTest(launch.Sudo, script(t, "exec sleep 1000"), 100*time.Millisecond)
	for range 6 { // each is killed and makes room
		_, err := l.Launch(t.Context(), nil, nil)
		var e *launch.Error
		if !errors.As(err, &e) || e.ID != "launch.timeout" {
			t.Fatalf("%v, want launch.timeout", err)
		}
	}
}

func TestNoWrapper(t *testing.T) {
	for mode, want := range map[launch.Mode]string{launch.None: "launch.none", "": "launch.none", launch.Sudo: "launch.failed", launch.Socket: "launch.failed"} {
		_, err := launch.NewTest(mode, filepath.Join(t.TempDir(), "none"), time.Second).Launch(t.Context(), nil, nil)
		var e *launch.Error
		if !errors.As(err, &e) || e.ID != want {
			t.Errorf("%s: %v, want %s", mode, err, want)
		}
	}
	if _, err := launch.Run(t.Context(), launch.Command{Path: "sh"}, nil); err == nil {
		t.Error("a program was looked for in PATH")
	}
}

// socket serves one connection as a root unit would.
func socket(t *testing.T, serve func(delivery []byte, c net.Conn)) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "picket-") // a test's own folder can be too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		data, _ := io.ReadAll(c)
		serve(data, c)
	}()
	return l.Addr().String()
}

// TestNoReceiptsYetIsNoFailure: behind a socket there is no exit status, so a
// wrapper that is asked for receipts and has none says so by an empty line, and one
// that failed says nothing.
func TestNoReceiptsYetIsNoFailure(t *testing.T) {
	for said, want := range map[string]string{"\n": launch.NoReceipt, "": "launch.failed", " ": "launch.failed"} {
		at := socket(t, func(_ []byte, c net.Conn) { io.WriteString(c, said) })
		receipts, err := launch.NewTest(launch.Socket, at, 20*time.Second).Launch(t.Context(), nil, nil)
		var e *launch.Error
		if len(receipts) != 0 || !errors.As(err, &e) || e.ID != want {
			t.Errorf("after %q: %d receipts, %v, want %s", said, len(receipts), err, want)
		}
	}
}

func TestWhatComesOfTheSocket(t *testing.T) {
	delivery := strings.Repeat("x", 128<<10)
	for name, c := range map[string]struct {
		serve    func([]byte, net.Conn)
		receipts int
		id       string
	}{
		"a receipt": {func(d []byte, c net.Conn) {
			if string(d) == delivery {
				io.WriteString(c, "{\"a\":1}\n")
			}
		}, 1, ""},
		"nothing":      {func([]byte, net.Conn) {}, 0, "launch.failed"},
		"no receipt":   {func(_ []byte, c net.Conn) { io.WriteString(c, "\n") }, 0, "launch.failed"},
		"far too much": {func(_ []byte, c net.Conn) { c.Write(make([]byte, 1<<20)) }, 0, "launch.output_too_long"},
		"silence":      {func(_ []byte, c net.Conn) { io.Copy(io.Discard, c); time.Sleep(time.Second) }, 0, "launch.timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			within := 20 * time.Second
			if c.id == "launch.timeout" {
				within = 200 * time.Millisecond
			}
			receipts, err := launch.NewTest(launch.Socket, socket(t, c.serve), within).Launch(context.Background(), []byte(delivery), nil)
			var e *launch.Error
			if len(receipts) != c.receipts || (c.id == "") != (err == nil) || err != nil && (!errors.As(err, &e) || e.ID != c.id) {
				t.Errorf("%d receipts, %v; want %d, %q", len(receipts), err, c.receipts, c.id)
			}
		})
	}
}
