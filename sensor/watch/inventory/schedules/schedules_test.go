//go:build linux

package schedules_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/schedules"
)

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

func read(t testing.TB, s *schedules.Source) ([]fact.Schedule, []inventory.Gap) {
	t.Helper()
	r, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var all []fact.Schedule
	for _, f := range r.Facts {
		all = append(all, *f.Schedule)
	}
	slices.SortFunc(all, func(a, b fact.Schedule) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Command, b.Command))
	})
	return all, r.Gaps
}

func TestCrontab(t *testing.T) {
	const text = `# comment
SHELL=/bin/sh
MAILTO = "a@b"
"quoted name" = x

*/5 1-3,7 * jan Mon-Fri	root  cd / && run 2>&1 | tee 50% of
@reboot	www	/srv/start
  @daily root  x
-0 0 * * * root quiet
0~59 * * * * root random
17 * * *  root one field short
17 * * * * nobody
@ root what
1;2 * * * * root what
`
	want := []schedules.Entry{
		{When: "*/5 1-3,7 * jan Mon-Fri", Account: "root", Command: "cd / && run 2>&1 | tee 50% of"},
		{When: "@reboot", Account: "www", Command: "/srv/start"},
		{When: "@daily", Account: "root", Command: "x"},
		{When: "0 0 * * *", Account: "root", Command: "quiet"},
		{When: "0~59 * * * *", Account: "root", Command: "random"},
		{When: "17 * * * root", Account: "one", Command: "field short"}, // as cron would take it, before it refuses the weekday
	}
	got, bad := schedules.ParseCrontab([]byte(text), true)
	if diff := gocmp.Diff(want, got); diff != "" || bad != 3 {
		t.Errorf("%d bad lines (-want +got):\n%s", bad, diff)
	}
	mine, bad := schedules.ParseCrontab([]byte("* * * * * curl x|sh\n"), false)
	if diff := gocmp.Diff([]schedules.Entry{{When: "* * * * *", Command: "curl x|sh"}}, mine); diff != "" || bad != 0 {
		t.Errorf("%d bad lines (-want +got):\n%s", bad, diff)
	}
}

func TestAnacrontab(t *testing.T) {
	const text = "RANDOM_DELAY=45\nSTART_HOURS_RANGE=3-22\n1\t5\tcron.daily\tnice run-parts /etc/cron.daily\n@monthly 45 cron.monthly run x\nx 5 a b\n1 5 short\n"
	want := []schedules.Entry{
		{When: "1 5", Account: "root", Command: "nice run-parts /etc/cron.daily"},
		{When: "@monthly 45", Account: "root", Command: "run x"},
	}
	got, bad := schedules.ParseAnacrontab([]byte(text))
	if diff := gocmp.Diff(want, got); diff != "" || bad != 2 {
		t.Errorf("%d bad lines (-want +got):\n%s", bad, diff)
	}
}

// TestUbuntu1804 reads that distribution's crontab as jc reads it.
func TestUbuntu1804(t *testing.T) {
	folder := testneed.Corpus(t, "host-command-output/ubuntu-18.04")
	text, err := os.ReadFile(folder + "/crontab-u.out")
	if err != nil {
		t.Fatal(err)
	}
	oracle, err := os.ReadFile(folder + "/crontab-u.json")
	if err != nil {
		t.Fatal(err)
	}
	var jc struct {
		Schedule []struct {
			Minute  []string `json:"minute"`
			Hour    []string `json:"hour"`
			Day     []string `json:"day_of_month"`
			Month   []string `json:"month"`
			Weekday []string `json:"day_of_week"`
			User    string   `json:"user"`
			Command string   `json:"command"`
		} `json:"schedule"`
	}
	if err := json.Unmarshal(oracle, &jc); err != nil {
		t.Fatal(err)
	}
	var want []schedules.Entry
	for _, s := range jc.Schedule {
		var when []string
		for _, f := range [][]string{s.Minute, s.Hour, s.Day, s.Month, s.Weekday} {
			when = append(when, strings.Join(f, ","))
		}
		want = append(want, schedules.Entry{When: strings.Join(when, " "), Account: s.User, Command: s.Command})
	}
	got, bad := schedules.ParseCrontab(text, true)
	if diff := gocmp.Diff(want, got); diff != "" || bad != 0 || len(want) == 0 {
		t.Errorf("%d bad lines (-want +got):\n%s", bad, diff)
	}
}

func TestEverySchedule(t *testing.T) {
	root := write(t, map[string]string{
		"/etc/passwd":                           "root:x:0:0::/:\n",
		"/etc/crontab":                          "17 * * * * root hourly\n",
		"/etc/anacrontab":                       "7 10 weekly run weekly\n",
		"/etc/cron.d/app":                       "@reboot app /opt/app\n",
		"/etc/cron.d/.placeholder":              "not an entry\n",
		"/etc/cron.d/app.dpkg-old":              "@reboot app /opt/old\n",
		"/etc/cron.daily/logrotate":             "#!/bin/sh\n",
		"/var/spool/cron/crontabs/web":          "* * * * * beacon\n",
		"/var/spool/cron/rhel":                  "0 1 * * * backup\n",
		"/var/spool/cron/atjobs/a00001019e2b40": "#!/bin/sh\nSECRET=hunter2; export SECRET\n",
		"/var/spool/cron/atjobs/.SEQ":           "1",
		"/run/systemd/system/.keep":             "",
		"/usr/lib/systemd/system/t.timer":       "[Timer]\nOnCalendar=daily\nOnBootSec=1min\nUnit=job.service\n",
		"/usr/lib/systemd/system/job.service":   "[Service]\nExecStart=/bin/a 1\nExecStart=/bin/b\nUser=job\n",
		"/usr/lib/systemd/system/lone.timer":    "[Timer]\nOnBootSec=5\n",
		"/usr/lib/systemd/system/off.timer":     "[Timer]\nOnBootSec=5\n",
		"/etc/systemd/system/off.timer":         "->/dev/null",
		"/usr/lib/systemd/system/t@.timer":      "[Timer]\nOnBootSec=5\n",
	})
	got, gaps := read(t, schedules.New(schedules.Config{Root: root}))
	want := []fact.Schedule{
		{Type: "cron", When: "7 10", Command: "run weekly", Path: "/etc/anacrontab", Account: "root"},
		{Type: "cron", When: "@reboot", Command: "/opt/app", Path: "/etc/cron.d/app", Account: "app"},
		{Type: "cron", Name: "logrotate", When: "@daily", Command: "/etc/cron.daily/logrotate", Path: "/etc/cron.daily/logrotate", Account: "root"},
		{Type: "cron", When: "17 * * * *", Command: "hourly", Path: "/etc/crontab", Account: "root"},
		{Type: "timer", Name: "lone.timer", When: "OnBootSec=5", Command: "lone.service", Path: "/usr/lib/systemd/system/lone.timer"},
		{Type: "timer", Name: "t.timer", When: "OnCalendar=daily, OnBootSec=1min", Command: "/bin/a 1; /bin/b", Path: "/usr/lib/systemd/system/t.timer", Account: "job"},
		{Type: "at", Name: "a00001019e2b40", When: "2021-08-10T06:56:00Z", Path: "/var/spool/cron/atjobs/a00001019e2b40", Account: "root"},
		{Type: "cron", When: "* * * * *", Command: "beacon", Path: "/var/spool/cron/crontabs/web", Account: "web"},
		{Type: "cron", When: "0 1 * * *", Command: "backup", Path: "/var/spool/cron/rhel", Account: "rhel"},
	}
	if os.Geteuid() != 0 {
		want[6].Account = fmt.Sprint(os.Geteuid())
	}
	if diff := gocmp.Diff(want, got); diff != "" || gaps != nil {
		t.Errorf("gaps %v (-want +got):\n%s", gaps, diff)
	}
	if text := fmt.Sprint(got); strings.Contains(text, "hunter2") {
		t.Error("the environment of a job is told")
	}
}

// TestThreat_S14_HostileCrontabs: what is no crontab costs nothing but its own
// entry, and names with newlines stay one record.
func TestThreat_S14_HostileCrontabs(t *testing.T) {
	root := write(t, map[string]string{
		"/etc/cron.d/good":              "* * * * * root good\n",
		"/etc/cron.d/loop":              "->loop",
		"/etc/cron.d/null":              "->/dev/null",
		"/etc/cron.d/new\nline":         "* * * * * root evil\n",
		"/etc/cron.d/many":              strings.Repeat("* * * * * root many\n", 1_000_000),
		"/etc/cron.d/long":              "* * * * * root " + strings.Repeat("x", 1<<20) + "\n* * * * * root after\n",
		"/etc/cron.d/binary":            "\x00\x01\xff * * * *\n* * * * * root \xff\x1b[31m\n",
		"/var/spool/cron/crontabs/\xff": "* * * * * who\n",
	})
	if err := unix.Mkfifo(root+"/etc/cron.d/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(root + "/etc/crontab")
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("1 1 * * * root first\n")
	f.Truncate(1 << 30)
	f.Close()
	all, gaps := read(t, schedules.New(schedules.Config{Root: root}))
	found := make(map[string]string)
	for _, s := range all {
		found[s.Command] = s.Path
		if len(s.Command) > 8<<10 {
			t.Errorf("a command of %d bytes", len(s.Command))
		}
	}
	for command, path := range map[string]string{
		"good": "/etc/cron.d/good", "evil": "/etc/cron.d/new\nline", "after": "/etc/cron.d/long",
		"first": "/etc/crontab", `\xff\x1b[31m`: "/etc/cron.d/binary", "who": `/var/spool/cron/crontabs/\xff`,
	} {
		if found[command] != path {
			t.Errorf("%q is in %q, want %q", command, found[command], path)
		}
	}
	causes := make(map[string]int64)
	for _, g := range gaps {
		causes[g.Cause] += g.Count
	}
	if causes[fact.LossMalformed] < 3 || causes[fact.LossInventory] < 2 || causes[fact.LossUnreadable] != 1 {
		t.Errorf("gaps are %+v", gaps)
	}
}

func TestWatch(t *testing.T) {
	root := write(t, map[string]string{"/run/systemd/system/.keep": "", "/etc/systemd/system/timers.target.wants/x.timer": "->/x.timer"})
	got := schedules.New(schedules.Config{Root: root}).Watch()
	for _, want := range []string{"/etc/crontab", "/etc/cron.d", "/etc/cron.daily", "/var/spool/cron/crontabs", "/var/spool/cron/atjobs", "/etc/systemd/system/timers.target.wants"} {
		if !slices.Contains(got, root+want) {
			t.Errorf("%s is not watched", want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	s := schedules.New(schedules.Config{})
	for b.Loop() {
		read(b, s)
	}
}
