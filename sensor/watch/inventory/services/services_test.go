//go:build linux

package services_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/services"
)

// write makes files below a new root: what begins with "->" is a link.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "->"); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func read(t testing.TB, s *services.Source) (map[string]fact.Service, []inventory.Gap) {
	t.Helper()
	r, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]fact.Service)
	for _, f := range r.Facts {
		if _, twice := all[f.Service.Name]; twice {
			t.Errorf("%s is told twice", f.Service.Name)
		}
		all[f.Service.Name] = *f.Service
	}
	return all, r.Gaps
}

const (
	etc = "/etc/systemd/system/"
	usr = "/usr/lib/systemd/system/"
)

func systemd() map[string]string {
	return map[string]string{
		"/run/systemd/system/.keep":                  "",
		"/run/systemd/units/invocation:cron.service": "->0123456789abcdef0123456789abcdef",
		usr + "cron.service":                         "[Service]\nExecStart=/usr/sbin/cron -f $EXTRA\nUser=root\n[Install]\nWantedBy=multi-user.target\n",
		etc + "multi-user.target.wants/cron.service": "->" + usr + "cron.service",
		usr + "idle.service":                         "[Service]\nExecStart=-/bin/idle\n[Install]\nWantedBy=multi-user.target\n",
		usr + "getty@.service":                       "[Service]\nExecStart=/sbin/agetty %I\n",
	}
}

// TestWithoutBus: where systemd cannot be asked, its files say what runs.
func TestWithoutBus(t *testing.T) {
	s := services.New(services.Config{Root: write(t, systemd())})
	all, gaps := read(t, s)
	want := map[string]fact.Service{
		"cron.service":   {Name: "cron.service", State: "active", Enabled: "enabled", Executable: "/usr/sbin/cron", Manager: "systemd", Account: "root", Path: usr + "cron.service"},
		"idle.service":   {Name: "idle.service", State: "inactive", Enabled: "disabled", Executable: "/bin/idle", Manager: "systemd", Path: usr + "idle.service"},
		"getty@.service": {Name: "getty@.service", Enabled: "static", Executable: "/sbin/agetty", Manager: "systemd", Path: usr + "getty@.service"},
	}
	if diff := cmp.Diff(want, all); diff != "" || gaps != nil {
		t.Errorf("gaps %v (-want +got):\n%s", gaps, diff)
	}
}

// bus answers on root's system bus with what f writes.
func bus(t *testing.T, root string, f func(net.Conn)) {
	t.Helper()
	os.MkdirAll(root+"/run/dbus", 0o755)
	l, err := net.Listen("unix", root+"/run/dbus/system_bus_socket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				f(c)
				c.Close()
			}()
		}
	}()
}

// shortRoot is a root whose sockets' paths are short enough.
func shortRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	root := filepath.Join(dir, "r")
	if err := os.Rename(write(t, files), root); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestOverTheBus reads the states that a real systemd told, with the files of
// another host: what is loaded and has no file is told as well.
func TestOverTheBus(t *testing.T) {
	recorded, err := os.ReadFile("../../internal/dbus/testdata/systemd-252.bin")
	if err != nil {
		t.Fatal(err)
	}
	root := shortRoot(t, systemd())
	done := make(chan struct{})
	defer close(done)
	bus(t, root, func(c net.Conn) { c.Write(recorded); <-done })
	all, gaps := read(t, services.New(services.Config{Root: root, Patience: 10 * time.Second}))
	if gaps != nil {
		t.Error(gaps)
	}
	if got := all["cron.service"]; got.State != "active" || got.Enabled != "enabled" {
		t.Errorf("cron is %+v", got)
	}
	if got := all["idle.service"]; got.State != "inactive" {
		t.Errorf("a unit that systemd has not loaded is %+v", got)
	}
	if got := all["ssh.service"]; got.State != "active" || got.Path != "" {
		t.Errorf("a unit whose file is gone is %+v", got)
	}
	if got, ok := all["systemd-udev-trigger.service"]; ok {
		t.Errorf("a unit that others only name is told: %+v", got)
	}
}

// TestThreat_S14_SystemdThatNeverAnswers: the units are read all the same,
// what systemd said before still counts, and the silence is told.
func TestThreat_S14_SystemdThatNeverAnswers(t *testing.T) {
	recorded, err := os.ReadFile("../../internal/dbus/testdata/systemd-252.bin")
	if err != nil {
		t.Fatal(err)
	}
	root := shortRoot(t, systemd())
	done := make(chan struct{})
	defer close(done)
	calls := make(chan int, 1)
	calls <- 0
	bus(t, root, func(c net.Conn) {
		n := <-calls
		calls <- n + 1
		if n == 0 {
			c.Write(recorded)
		}
		<-done
	})
	s := services.New(services.Config{Root: root, Patience: 500 * time.Millisecond})
	if _, gaps := read(t, s); gaps != nil {
		t.Fatal(gaps)
	}
	os.WriteFile(root+etc+"new.service", []byte("[Service]\nExecStart=/tmp/new\n"), 0o644)
	all, gaps := read(t, s)
	if len(gaps) != 1 || gaps[0].Cause != fact.LossTimeout || gaps[0].Whole {
		t.Errorf("the silence is %+v", gaps)
	}
	if all["cron.service"].State != "active" || all["new.service"].Executable != "/tmp/new" {
		t.Errorf("cron is %+v, the new one %+v", all["cron.service"], all["new.service"])
	}
}

func TestGarbageOnTheBus(t *testing.T) {
	root := shortRoot(t, systemd())
	bus(t, root, func(c net.Conn) { c.Write([]byte("OK x\r\n" + strings.Repeat("\xff", 4096))) })
	all, gaps := read(t, services.New(services.Config{Root: root}))
	if len(gaps) != 1 || len(all) != 3 || all["cron.service"].State != "active" {
		t.Errorf("%+v, gaps %+v", all, gaps)
	}
}

// TestWatch: the folders in which a link would enable a unit are watched, also
// those that are not there yet.
func TestWatch(t *testing.T) {
	root := write(t, systemd())
	got := services.New(services.Config{Root: root}).Watch()
	for _, want := range []string{etc[:len(etc)-1], etc + "multi-user.target.wants", "/run/systemd/transient", "/usr/lib/systemd/system", "/etc/init.d", "/etc/runlevels"} {
		if !slices.Contains(got, root+want) {
			t.Errorf("%s is not watched", want)
		}
	}
}

func TestOpenRC(t *testing.T) {
	root := write(t, map[string]string{
		"/run/openrc/started/sshd":     "->/etc/init.d/sshd",
		"/run/openrc/failed/web":       "->/etc/init.d/web",
		"/etc/init.d/sshd":             "#!/sbin/openrc-run\ncommand=/usr/sbin/sshd\ncommand_args=\"-D\"\n",
		"/etc/init.d/web":              "#!/sbin/openrc-run\ncommand=\"/usr/bin/web\"\ncommand_user=\"www:www\"\n",
		"/etc/init.d/functions.sh":     "",
		"/etc/runlevels/default/sshd":  "->/etc/init.d/sshd",
		"/etc/runlevels/boot/bootmisc": "->/etc/init.d/bootmisc",
		"/etc/init.d/new\nline":        "command=/bin/n\n",
	})
	all, gaps := read(t, services.New(services.Config{Root: root}))
	want := map[string]fact.Service{
		"sshd":      {Name: "sshd", State: "active", Enabled: "enabled", Executable: "/usr/sbin/sshd", Manager: "openrc", Path: "/etc/init.d/sshd"},
		"web":       {Name: "web", State: "failed", Enabled: "disabled", Executable: "/usr/bin/web", Manager: "openrc", Account: "www:www", Path: "/etc/init.d/web"},
		"new\nline": {Name: "new\nline", State: "inactive", Enabled: "disabled", Executable: "/bin/n", Manager: "openrc", Path: "/etc/init.d/new\nline"},
	}
	if diff := cmp.Diff(want, all); diff != "" || gaps != nil {
		t.Errorf("gaps %v (-want +got):\n%s", gaps, diff)
	}
}

func TestSysV(t *testing.T) {
	root := write(t, map[string]string{
		"/etc/init.d/README": "read me",
		"/etc/init.d/ssh":    "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: sshd\n### END INIT INFO\nDAEMON=/usr/sbin/sshd\nDAEMON=/other\n",
		"/etc/init.d/off":    "#!/bin/sh\n",
		"/etc/init.d/a\xff":  "",
		"/etc/init.d/a\xfe":  "",
		"/etc/rc3.d/S01ssh":  "->../init.d/ssh",
		"/etc/rc3.d/K01off":  "->../init.d/off",
		"/etc/rc6.d/S01off":  "->../init.d/off",
	})
	all, gaps := read(t, services.New(services.Config{Root: root}))
	if got := all["ssh"]; got.Enabled != "enabled" || got.Executable != "/usr/sbin/sshd" || got.Manager != "sysv" || got.State != "" {
		t.Errorf("ssh is %+v", got)
	}
	if got := all["off"]; got.Enabled != "disabled" {
		t.Errorf("off is %+v", got)
	}
	if len(all) != 4 || gaps != nil { // two names that are not UTF-8 stay two
		t.Errorf("%v, gaps %v", all, gaps)
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	files := systemd()
	for i := range 300 {
		files[usr+"unit-"+string(rune('a'+i%26))+strings.Repeat("x", i/26)+".service"] = files[usr+"cron.service"]
	}
	s := services.New(services.Config{Root: write(b, files)})
	for b.Loop() {
		read(b, s)
	}
}
