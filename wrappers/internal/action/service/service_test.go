package service_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/e2e/booted"
	"picket.internal/internal/testneed"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/service"
)

// none protects nothing.
func none(string) bool { return false }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err error, code string) {
	t.Helper()
	var r *action.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("%v, want the refusal %s", err, code)
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	for _, name := range []string{"", "cron", "picket-sensor.service", "picket.socket", "-.mount", "a b.service", "../x.service", "x.service\n", "$(x).service", "basic.target", strings.Repeat("x", 300) + ".service"} {
		_, err := service.Prepare(action.Root{Dir: t.TempDir()}, name, none)
		refused(t, err, "eat.bad_param")
	}
}

func TestNoSystemd(t *testing.T) {
	_, err := service.Prepare(action.Root{Dir: t.TempDir()}, "cron.service", none)
	refused(t, err, "service.unsupported")
}

// TestHostileSystemd: what is not the protocol is an error.
func TestHostileSystemd(t *testing.T) {
	for name, answer := range map[string]string{
		"refuses":      "REJECTED EXTERNAL\r\n",
		"endless line": strings.Repeat("OK ", 5000),
		"closes":       "OK 1\r\n",
		"no message":   "OK 1\r\n" + strings.Repeat("x", 16),
		"huge message": "OK 1\r\nl\x02\x01\x01\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00",
		"header that lies": "OK 1\r\nl\x02\x01\x01\x00\x00\x00\x00\x01\x00\x00\x00\x10\x00\x00\x00" +
			"\x05\x01s\x00\xff\xff\xff\x7f\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		dir, err := os.MkdirTemp("", "picket-") // a test's own folder can be too long for a socket
		must(t, err)
		defer os.RemoveAll(dir)
		must(t, os.MkdirAll(filepath.Join(dir, "run/systemd"), 0o755))
		l, err := net.Listen("unix", filepath.Join(dir, "run/systemd/private"))
		must(t, err)
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				c.Write([]byte(answer))
				c.(*net.UnixConn).CloseWrite()
				buf := make([]byte, 4096)
				for err == nil {
					_, err = c.Read(buf)
				}
				c.Close()
			}
		}()
		if r, err := service.Prepare(action.Root{Dir: dir}, "cron.service", none); err == nil || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// TestOnABootedHost stops and starts units of a real systemd.
func TestOnABootedHost(t *testing.T) {
	if os.Getenv("SERVICE_TEST_INSIDE") == "1" {
		inside(t)
		return
	}
	testneed.Root(t)
	host := booted.Start(t, booted.Options{})
	host.Write(t, "/etc/systemd/system/victim.service", "[Service]\nExecStart=sleep 1000\n", 0o644)
	host.Write(t, "/etc/systemd/system/slow.service", "[Service]\nExecStart=sh -c 'trap \"sleep 1; exit\" TERM; while :; do sleep 0.1; done'\n", 0o644)
	host.Write(t, "/etc/systemd/system/broken.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=test ! -e /root/broken\n", 0o644)
	host.Write(t, "/etc/systemd/system/picket-sensor.service", "[Unit]\n[Service]\nExecStart=sleep 1000\n[Install]\nAlias=innocent.service\n", 0o644)
	host.Run(t, "systemctl", "enable", "-q", "picket-sensor")
	host.Run(t, "systemctl", "start", "victim", "slow", "broken", "picket-sensor")
	self, err := os.Executable()
	must(t, err)
	host.Push(t, self, "/root/service.test")
	out, err := host.Try("env", "SERVICE_TEST_INSIDE=1", "/root/service.test", "-test.v", "-test.run", "TestOnABootedHost")
	t.Logf("inside:\n%s", out)
	must(t, err)
	for unit, want := range map[string]string{"victim": "active", "slow": "active", "broken": "failed", "picket-sensor": "active"} {
		if got, _ := host.Try("systemctl", "is-active", unit); strings.TrimSpace(got) != want {
			t.Errorf("in the end %s is %q, want %s", unit, got, want)
		}
	}
}

func inside(t *testing.T) {
	root := action.Root{Dir: "/"}
	prepare := func(unit string) *service.Record {
		t.Helper()
		r, err := service.Prepare(root, unit, none)
		must(t, err)
		data, err := strictjson.Encode(r)
		must(t, err)
		var again service.Record
		must(t, strictjson.Decode(data, strictjson.Limits{}, &again, nil))
		return &again
	}
	for _, unit := range []string{"victim.service", "slow.service"} {
		r := prepare(unit)
		for range 2 {
			effect, err := r.Do(root)
			if must(t, err); effect["state"] != "inactive" && effect["state"] != "failed" {
				t.Errorf("effect %v", effect)
			}
		}
		if now := prepare(unit); now.Before != "inactive" && now.Before != "failed" {
			t.Errorf("%s is %s", unit, now.Before)
		}
		stopped := prepare(unit)
		effect, err := stopped.Undo(root)
		if must(t, err); !strings.HasPrefix(effect["state"], "left as it is") {
			t.Errorf("effect %v", effect)
		}
		for range 2 {
			effect, err := r.Undo(root)
			if must(t, err); effect["state"] != "active" {
				t.Errorf("effect %v", effect)
			}
		}
	}
	for range 300 { // what is sent too early is not lost
		prepare("victim.service")
	}
	r := prepare("broken.service")
	_, err := r.Do(root)
	must(t, err)
	must(t, os.WriteFile("/root/broken", nil, 0o644))
	if effect, err := r.Undo(root); err == nil || !strings.Contains(err.Error(), `"failed"`) {
		t.Errorf("it started: %v, %v", effect, err)
	}
	_, err = service.Prepare(root, "missing.service", none)
	refused(t, err, "service.not_found")
	_, err = service.Prepare(root, "victim.service", func(unit string) bool { return unit == "victim.service" })
	refused(t, err, "policy.protected_target")
	_, err = service.Prepare(root, "innocent.service", none)
	refused(t, err, "eat.bad_param")
}
