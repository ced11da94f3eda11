//go:build linux

package unit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/internal/testneed"
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
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	etc = "/etc/systemd/system/"
	usr = "/usr/lib/systemd/system/"
	run = "/run/systemd/system/"

	runs    = "[Service]\nExecStart=/bin/true\n"
	install = runs + "[Install]\nWantedBy=multi-user.target\n"
)

// states is a host on which every state of a unit file occurs.
var states = map[string]string{
	usr + "on.service":                           install,
	etc + "multi-user.target.wants/on.service":   "->" + usr + "on.service",
	usr + "required.service":                     install,
	etc + "x.target.requires/required.service":   "->../required.service",
	usr + "off.service":                          install,
	usr + "static.service":                       runs,
	usr + "vendor.service":                       runs,
	usr + "basic.target.wants/vendor.service":    "->../vendor.service",
	usr + "once.service":                         install,
	run + "multi-user.target.wants/once.service": "->" + usr + "once.service",
	usr + "hidden.service":                       install,
	etc + "hidden.service":                       "->/dev/null",
	usr + "empty.service":                        install,
	etc + "empty.service":                        "",
	usr + "gone.service":                         install,
	run + "gone.service":                         "->/dev/null",
	"/opt/app/linked.service":                    install,
	etc + "linked.service":                       "->/opt/app/linked.service",
	usr + "real.service":                         runs + "[Install]\nAlias=nick.service\n",
	etc + "nick.service":                         "->" + usr + "real.service",
	usr + "named.service":                        runs,
	usr + "other.service":                        "->named.service",
	usr + "also.service":                         runs + "[Install]\nAlso=on.service\n",
	usr + "odd.service":                          install,
	etc + "strange.service":                      "->" + usr + "odd.service",
	usr + "many@.service":                        install,
	usr + "deft@.service":                        install + "DefaultInstance=1\n",
	etc + "a.target.wants/deft@1.service":        "->" + usr + "deft@.service",
	usr + "inst@.service":                        install,
	etc + "a.target.wants/inst@7.service":        "->" + usr + "inst@.service",
	etc + "overlaid.service":                     install,
	usr + "overlaid.service":                     runs,
	usr + "tick.timer":                           "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
	etc + "timers.target.wants/tick.timer":       "->" + usr + "tick.timer",
}

// TestEnabledAsSystemctlSays holds our states against those of systemd's own
// tool, on a made-up host and on this one.
func TestEnabledAsSystemctlSays(t *testing.T) {
	systemctl := testneed.Command(t, "systemctl", "apt-get install systemd")
	for name, root := range map[string]string{"made up": write(t, states), "this host": "/"} {
		out, err := exec.Command(systemctl, "--root="+root, "list-unit-files", "--no-legend", "--no-pager", "--full", "--type=service,socket,timer").Output()
		if err != nil {
			t.Fatal(err)
		}
		want := make(map[string]string)
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			want[fields[0]] = fields[1]
		}
		got := make(map[string]string)
		s := New(root).Scan(".service", ".socket", ".timer")
		for _, name := range s.Names(nil) {
			if _, _, instance := template(name); !instance { // systemctl does not list those
				got[name] = s.Unit(name).Enabled
			}
		}
		if len(want) == 0 {
			t.Errorf("%s: systemctl lists nothing", name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-systemctl +ours):\n%s", name, diff)
		}
	}
}

func TestInstances(t *testing.T) {
	s := New(write(t, states)).Scan(".service")
	names := strings.Join(s.Names([]string{"many@9.service", "bad name.service", "x.mount"}), " ")
	for name, want := range map[string]string{"inst@7.service": "enabled", "many@9.service": "disabled"} {
		u := s.Unit(name)
		if !strings.Contains(names, name) || u.Enabled != want || len(u.Commands) != 1 {
			t.Errorf("%s is %+v, want %s", name, u, want)
		}
	}
	if strings.Contains(names, "bad name") || strings.Contains(names, ".mount") {
		t.Errorf("not of what is looked for: %s", names)
	}
}

// TestDropins: an attacker needs no unit of his own; what a drop-in makes a
// unit run is what it runs.
func TestDropins(t *testing.T) {
	root := write(t, map[string]string{
		usr + "web.service":                    "[Service]\nExecStart=/usr/sbin/web -D\nUser=www\n",
		etc + "web.service.d/20-user.conf":     "[Service]\nUser=root\n",
		etc + "web.service.d/10-evil.conf":     "[Service]\nExecStart=\nExecStart=-/tmp/.x \\\n # a comment in between\n  --quiet\n",
		usr + "web.service.d/20-user.conf":     "[Service]\nUser=nobody\n",
		usr + "app-db@.service":                runs,
		etc + "app-.service.d/all.conf":        "[Service]\nUser=app\n",
		etc + "app-db@2.service.d/one.conf":    "[Service]\nExecStart=/bin/second\n",
		etc + "service.d/every.conf":           "[Service]\nUser=every\n",
		etc + "service.d/not-a-drop-in.backup": "[Service]\nUser=wrong\n",
	})
	s := New(root).Scan(".service")
	web := s.Unit("web.service")
	if got := strings.Join(web.Commands, ";"); strings.Join(strings.Fields(got), " ") != "-/tmp/.x --quiet" || Program(got) != "/tmp/.x" {
		t.Errorf("web runs %q", got)
	}
	if web.User != "every" { // by name, "every.conf" comes after "20-user.conf"
		t.Errorf("web is %q's", web.User)
	}
	db := s.Unit("app-db@2.service")
	if want := []string{"/bin/true", "/bin/second"}; !cmp.Equal(want, db.Commands) || db.User != "every" {
		t.Errorf("db is %+v", db)
	}
}

// TestReadAgain: an unchanged file is not read again, a changed one is.
func TestReadAgain(t *testing.T) {
	root := write(t, map[string]string{usr + "a.service": runs})
	tree := New(root)
	look := func() string {
		s := tree.Scan(".service")
		defer s.Keep()
		return strings.Join(s.Unit("a.service").Commands, ";")
	}
	if got := look(); got != "/bin/true" {
		t.Fatal(got)
	}
	first := tree.files[usr+"a.service"]
	look()
	if tree.files[usr+"a.service"] != first {
		t.Error("an unchanged file was read again")
	}
	os.WriteFile(root+usr+"a.service", []byte("[Service]\nExecStart=/bin/false\n"), 0o644)
	if got := look(); got != "/bin/false" {
		t.Errorf("after the change it runs %q", got)
	}
	os.Remove(root + usr + "a.service")
	if look(); len(tree.files) != 0 {
		t.Error("what is gone is kept")
	}
}

// TestHostileUnits: whatever lies in the folders, the others are read, and
// what is missing is said.
func TestHostileUnits(t *testing.T) {
	root := write(t, map[string]string{
		usr + "good.service":      runs,
		etc + "loop-a.service":    "->loop-b.service",
		etc + "loop-b.service":    "->loop-a.service",
		etc + "nowhere.service":   "->/nowhere/at/all.service",
		etc + "self.service":      "->self.service",
		etc + "new\nline.service": runs,
		etc + "\xff.service":      runs,
		etc + ".service":          runs,
		etc + "huge.service":      "[Service]\nExecStart=/bin/" + strings.Repeat("x", 10<<20) + "\n",
		etc + "many.service":      "[Service]\n" + strings.Repeat("ExecStart=/bin/a\n", 2000),
		etc + "binary.service":    "\x00\xff[Service\n=\n[]\n\\\n\\",
		etc + "a.wants":           "->/etc/systemd/system",
		etc + "dir.service/file":  "",
	})
	testneed.Command(t, "mkfifo", "apt-get install coreutils")
	if out, err := exec.Command("mkfifo", root+etc+"fifo.service").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	s := New(root).Scan(".service")
	var causes []string
	for _, name := range s.Names(nil) {
		if strings.Contains(name, "\n") || strings.Contains(name, "\xff") {
			t.Errorf("%q is no name of a unit", name)
		}
		u := s.Unit(name)
		if name == "good.service" && u.Enabled != "static" {
			t.Errorf("the good one is %+v", u)
		}
		for _, c := range u.Commands {
			if len(c) > maxValue {
				t.Errorf("%s has a command of %d bytes", name, len(c))
			}
		}
	}
	for _, f := range s.Flaws {
		causes = append(causes, f.Reason)
	}
	for _, want := range []string{"huge.service", "over 256 settings", "fifo.service", "dir.service"} {
		if !strings.Contains(strings.Join(causes, "\n"), want) {
			t.Errorf("nothing is said of %s in %q", want, causes)
		}
	}
}

func TestProgram(t *testing.T) {
	for command, want := range map[string]string{
		"/bin/true":                "/bin/true",
		"-+/bin/sh -c 'x'":         "/bin/sh",
		"@/usr/sbin/sshd sshd: -D": "/usr/sbin/sshd",
		`"/opt/my app/run" --now`:  "/opt/my app/run",
		":!!  /bin/a\tb":           "/bin/a",
		"":                         "",
		"-":                        "",
		`"unended`:                 `"unended`,
		"%h/bin/x ${ARGS}":         "%h/bin/x",
	} {
		if got := Program(command); got != want {
			t.Errorf("%q starts %q, want %q", command, got, want)
		}
	}
}

func TestTriggers(t *testing.T) {
	root := write(t, map[string]string{
		usr + "a.timer":          "[Timer]\nOnBootSec=5min\nOnClockChange=no\nOnTimezoneChange=yes\nUnit=b.service\n",
		etc + "a.timer.d/x.conf": "[Timer]\nOnCalendar=\nOnCalendar=*:0/1\n",
	})
	u := New(root).Scan(".timer").Unit("a.timer")
	if diff := cmp.Diff([]string{"OnCalendar=*:0/1"}, u.Triggers); diff != "" || u.Starts != "b.service" {
		t.Errorf("starts %q (-want +got):\n%s", u.Starts, diff)
	}
}
