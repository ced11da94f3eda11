//go:build linux

package accounts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/inventory/accounts"
)

// entries are of a file that visudo(8) takes, and what each of them says.
var entries = []struct {
	text string
	want fact.Sudoers
}{
	{"Defaults\tenv_reset", fact.Sudoers{Type: "default"}},
	{`Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"`, fact.Sudoers{Type: "default"}},
	{"Defaults:alice !requiretty", fact.Sudoers{Type: "default", Who: "alice"}},
	{"Defaults@web lecture", fact.Sudoers{Type: "default", Hosts: "web"}},
	{"Defaults>oper !lecture", fact.Sudoers{Type: "default", RunAs: "oper"}},
	{"Defaults!/bin/ls noexec", fact.Sudoers{Type: "default", Commands: "/bin/ls"}},
	{"User_Alias ADMINS = alice, %wheel, #1000", fact.Sudoers{Type: "alias", Who: "alice, %wheel, #1000"}},
	{"Runas_Alias OP = root, operator", fact.Sudoers{Type: "alias", RunAs: "root, operator"}},
	{"Host_Alias WEB = 10.0.0.0/8, www*", fact.Sudoers{Type: "alias", Hosts: "10.0.0.0/8, www*"}},
	{`Cmnd_Alias KILL = /bin/kill, /usr/bin/pkill -x a\=b`, fact.Sudoers{Type: "alias", Commands: `/bin/kill, /usr/bin/pkill -x a\=b`}},
	{"root ALL=(ALL:ALL) ALL", fact.Sudoers{Type: "rule", Who: "root", Hosts: "ALL", RunAs: "(ALL:ALL)", Commands: "ALL"}},
	{"%sudo\tALL=(ALL:ALL)\tALL", fact.Sudoers{Type: "rule", Who: "%sudo", Hosts: "ALL", RunAs: "(ALL:ALL)", Commands: "ALL"}},
	{"picket ALL = (root:root) NOPASSWD: NOSETENV: /usr/libexec/picket/picket-emergency-action \"\"", fact.Sudoers{
		Type: "rule", Who: "picket", Hosts: "ALL", RunAs: "(root:root)", Tags: []string{"NOPASSWD", "NOSETENV"},
		Commands: `/usr/libexec/picket/picket-emergency-action ""`,
	}},
	{"bob, carol , ADMINS WEB, !db = NOPASSWD:KILL, PASSWD: /bin/ls, !/bin/su", fact.Sudoers{
		Type: "rule", Who: "bob, carol , ADMINS", Hosts: "WEB, !db", Tags: []string{"NOPASSWD", "PASSWD"}, Commands: "KILL, /bin/ls, !/bin/su",
	}},
	{"dave web = (www) /bin/a : db = (pg) NOEXEC: /bin/b, (root) /bin/c", fact.Sudoers{
		Type: "rule", Who: "dave", Hosts: "web : db", RunAs: "(www) : (pg), (root)", Tags: []string{"NOEXEC"}, Commands: "/bin/a : /bin/b, /bin/c",
	}},
	{`eve ALL = CWD=/tmp TIMEOUT=5m NOPASSWD: /usr/bin/chown a\:b /x\,y`, fact.Sudoers{
		Type: "rule", Who: "eve", Hosts: "ALL", Tags: []string{"CWD=/tmp", "TIMEOUT=5m", "NOPASSWD"}, Commands: `/usr/bin/chown a\:b /x\,y`,
	}},
	{"#1001 ALL=(#0) /bin/ls", fact.Sudoers{Type: "rule", Who: "#1001", Hosts: "ALL", RunAs: "(#0)", Commands: "/bin/ls"}},
	{`"DOMAIN\\domain admins" ALL=ALL`, fact.Sudoers{Type: "rule", Who: `"DOMAIN\\domain admins"`, Hosts: "ALL", Commands: "ALL"}},
	{"frank ALL = sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== /bin/ls", fact.Sudoers{
		Type: "rule", Who: "frank", Hosts: "ALL", Commands: "sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== /bin/ls",
	}},
	{"@includedir /etc/sudoers.d", fact.Sudoers{Type: "include"}},
	{"#include /etc/sudoers.local", fact.Sudoers{Type: "include"}},
}

func TestSudoersEntries(t *testing.T) {
	for _, e := range entries {
		comment := "  # a comment"
		if e.want.Type == "include" {
			comment = ""
		}
		got, malformed, _ := accounts.Parse([]byte(e.text + comment + "\n"))
		e.want.Text = e.text
		if diff := cmp.Diff([]fact.Sudoers{e.want}, got); diff != "" || malformed > 0 {
			t.Errorf("%q, malformed %d (-want +got):\n%s", e.text, malformed, diff)
		}
	}
}

// TestEntriesAreSudoers asks visudo whether the entries above are what sudo
// itself takes.
func TestEntriesAreSudoers(t *testing.T) {
	visudo := testneed.Command(t, "visudo", "apt-get install sudo")
	path := filepath.Join(t.TempDir(), "sudoers")
	var b strings.Builder
	for _, e := range entries {
		if e.want.Type != "include" {
			b.WriteString(e.text + "\n")
		}
	}
	must(t, os.WriteFile(path, []byte(b.String()), 0o440))
	if out, err := exec.Command(visudo, "-cf", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSudoersLines(t *testing.T) {
	got, malformed, long := accounts.Parse([]byte("# comment \\\nroot \\\n  ALL = \\\n\tALL\r\n\n   \nnonsense\nx = y\nalice ALL=\nbob ALL=(root ALL\nUser_Alias lower = a\nDefaults\n" +
		"z ALL=" + strings.Repeat("x", accounts.MaxEntry) + "\n\xff\xfe ALL=ALL\nlast ALL=ALL \\"))
	var texts []string
	for _, e := range got {
		texts = append(texts, e.Type+" "+e.Who+" "+strings.ToValidUTF8(e.Text, "?"))
	}
	want := []string{
		"rule root root   ALL = \tALL", "rule  nonsense", "rule  x = y", "rule  alice ALL=", "rule  bob ALL=(root ALL",
		"alias  User_Alias lower = a", "default  Defaults", "rule \uFFFD ? ALL=ALL", "rule last last ALL=ALL",
	}
	if diff := cmp.Diff(want, texts, cmpopts.EquateEmpty()); diff != "" || malformed != 6 || long != 1 {
		t.Errorf("malformed %d, long %d (-want +got):\n%s", malformed, long, diff)
	}
}

// TestSudoersTakeTime holds entries against the parser that are made to be
// slow to read.
func TestSudoersTakeTime(t *testing.T) {
	const n = accounts.MaxEntry - 100
	for _, e := range []string{
		"a A=(" + strings.Repeat(",", n), "a A=" + strings.Repeat("NOPASSWD:", n/9), "a A=" + strings.Repeat("x,", n/2),
		"a A=" + strings.Repeat("b=c:", n/4), strings.Repeat("a,", n/2), strings.Repeat("a ,", n/3), "a A=" + strings.Repeat("(", n),
		"a A=" + strings.Repeat("CWD=/ ", n/6) + "x", "a A=" + strings.Repeat(`"`, n), "a A=" + strings.Repeat(": ", n/2),
		"a A=" + strings.Repeat("(r) x,", n/6), strings.Repeat("#", n), strings.Repeat("\\\n", n/2),
	} {
		began := time.Now()
		accounts.Parse([]byte(e))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%.20q takes %v", e, took)
		}
	}
}

// FuzzSudoers reads a file. No entry is lost, and each says what is in its text.
func FuzzSudoers(f *testing.F) {
	for _, e := range entries {
		f.Add([]byte(e.text + "\n"))
	}
	f.Add([]byte("root \\\n ALL=ALL # x\n#include \"a b\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, malformed, _ := accounts.Parse(data)
		if malformed > len(all) {
			t.Fatalf("%d of %d are malformed", malformed, len(all))
		}
		for _, e := range all {
			if e.Text == "" || e.Type == "" || len(e.Who) > len(e.Text)*3 || len(e.Commands) > len(e.Text)*3+4096 {
				t.Fatalf("%q is %+v", data, e)
			}
		}
	})
}
