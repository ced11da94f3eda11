package grammar_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"picket.internal/internal/grammar"
	"picket.internal/internal/testneed"
)

type showCommand struct {
	ID    string `arg:"" help:"Which one."`
	Trust string `required:"" type:"existingfile" placeholder:"FILE" help:"Keys. Public ones."`
	Out   string `short:"o" type:"path" placeholder:"FILE" help:"File to make."`
	In    string `type:"existingdir" placeholder:"DIR" help:"Folder to look in."`
	As    string `enum:"text,json" default:"text" placeholder:"FORMAT" help:"text or json: [both] are here."`
	Since string `placeholder:"TIME" help:"Since then."`
	All   bool   `aliases:"every" help:"Don't leave any out."`
	JSON  bool   `hidden:""`
}

func (*showCommand) Help() string {
	return `One paragraph with a \ in it, -- two minuses and an … beyond ASCII, so long that it is broken into lines:
.hidden is no macro.

    $ thing things show x --trust f   # it's an example
    .nor is this`
}

func (*showCommand) Run() error { return nil }

type cli struct {
	Things struct {
		Show showCommand `cmd:"" help:"Show a thing."`
		List struct {
			File string `arg:"" optional:"" type:"existingfile" help:"From where."`
		} `cmd:"" help:"List things."`
	} `cmd:"" help:"Things."`
	Secret struct{} `cmd:"" hidden:"" help:"For nobody."`
}

func model(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := kong.New(new(cli), kong.Name("my-thing"), kong.Description(`Things to look at. And more.

    $ my-thing things list

Exit codes: 0 done, 1 no (nothing
found), 2 broken.`))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// TestMan: the page has all of the grammar but what is hidden, and nothing in it
// is taken for a macro.
func TestMan(t *testing.T) {
	page := grammar.Man(model(t), grammar.Page{Section: 8, About: "What it is for.",
		Files: []grammar.Entry{{Name: "/etc/thing-file", Text: "A file."}}, SeeAlso: []string{"other(1)", "third(5)"}})
	for _, want := range []string{
		".TH MY-THING 8 ",
		".SH NAME\nmy\\-thing \\- things to look at\n",
		".SH DESCRIPTION\nThings to look at. And more.\n.P\nWhat it is for.\n",
		".SS my\\-thing things show\n\\fBmy\\-thing things show\\fR\n\\fB\\-\\-trust\\fR=\\fIFILE\\fR\n\\fIid\\fR\n[\\fIflag\\fR",
		`with a \e in it, \-\- two minuses and an \[u2026] beyond`,
		".EX\n    $ thing things show x \\-\\-trust f   # it\\(aqs an example\n    .nor is this\n.EE\n",
		".TP\n\\fB\\-o\\fR, \\fB\\-\\-out\\fR=\\fIFILE\\fR\nFile to make.\n",
		".TP\n\\fB\\-\\-all\\fR, \\fB\\-\\-every\\fR\nDon\\(aqt leave any out.\n",
		".SS my\\-thing things list\n\\fBmy\\-thing things list\\fR\n[\\fIfile\\fR]\n",
		".SH EXIT STATUS\n.TP\n\\fB0\\fR\ndone\n.TP\n\\fB1\\fR\nno (nothing found)\n.TP\n\\fB2\\fR\nbroken\n",
		".SH FILES\n.TP\n\\fI/etc/thing\\-file\\fR\nA file.\n",
		".SH EXAMPLES\n.EX\n    $ my\\-thing things list\n.EE\n",
		".SH SEE ALSO\n.BR other (1),\n.BR third (5)\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, ".hidden") || strings.HasPrefix(line, ".nor") || strings.Contains(line, "ecret") || strings.Contains(line, `\-\-json`) {
			t.Errorf("the page has the line %q", line)
		}
	}
}

// TestBash: bash itself offers what may come next.
func TestBash(t *testing.T) {
	bash := testneed.Command(t, "bash", "apt-get install bash")
	dir := t.TempDir()
	script := filepath.Join(dir, "completion")
	if err := os.WriteFile(script, []byte(grammar.Bash(model(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a file", "afolder/in"} {
		path := filepath.Join(dir, "look", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"", []string{"things", "--help"}},
		{"things ", []string{"show", "list", "--help"}},
		{"things sh", []string{"show"}},
		{"things show --", []string{"--trust", "--out", "--in", "--as", "--since", "--all", "--help"}},
		{"things show x --a", []string{"--as", "--all"}},
		{"things show --as ", []string{"text", "json"}},
		{"things show --as = j", []string{"json"}}, // as bash parts --as=j
		{"things show --as =", []string{"text", "json"}},
		{"things show --since ", nil},
		{"things show --trust a", []string{"a file", "afolder"}},
		{"things show -o a", []string{"a file", "afolder"}},
		{"things show --in a", []string{"afolder"}},
		{"things list a", []string{"a file", "afolder"}},
		{"things list --", []string{"--help"}},
		{"secret ", []string{"things", "--help"}}, // which is no command that is told of
	} {
		words := append([]string{"my-thing"}, strings.Split(tt.line, " ")...)
		cmd := exec.Command(bash, append([]string{"-c", `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _my_thing; ((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"`, script}, words...)...)
		cmd.Dir = filepath.Join(dir, "look")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", tt.line, err, out)
		}
		got := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
		want := slices.Clone(tt.want)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("behind %q bash offers %q, want %q", tt.line, got, want)
		}
	}
}

// TestZshAndFish: their scripts name the same; what they mean only zsh and fish
// can say, which read each line as it is here.
func TestZshAndFish(t *testing.T) {
	zsh, fish := grammar.Zsh(model(t)), grammar.Fish(model(t))
	for _, want := range []string{
		"#compdef my-thing\n", "(' things' | ' things show' | ' things list') at+=",
		"(' things')\n\tcommands=(\n\t\t'show:Show a thing'\n\t\t'list:List things'\n\t)\n",
		`'--trust=[Keys]:FILE:_files' \`, `'-o[File to make]:FILE:_files' \`, `'--in=[Folder to look in]:DIR:_files -/' \`,
		`'--as=[text or json\: \[both\] are here]:FORMAT:(text json)' \`, `'--since=[Since then]:TIME: ' \`, `'--all[Don'\''t leave any out]' \`,
	} {
		if !strings.Contains(zsh, want) {
			t.Errorf("the script for zsh has no %q:\n%s", want, zsh)
		}
	}
	const at = `complete -c my-thing -n '__my_thing_at " things show"' `
	for _, want := range []string{
		"            case ' things' ' things show' ' things list'\n", `complete -c my-thing -n '__my_thing_at ""' -a things -d 'Things'`,
		at + "-l trust -r -F -d 'Keys'\n", at + "-l out -s o -r -F -d 'File to make'\n", at + "-l in -x -a '(__fish_complete_directories)' -d",
		at + "-l as -x -a 'text json' -d", at + "-l since -x -d", at + `-l all -d 'Don'\''t leave any out'`,
		`complete -c my-thing -n '__my_thing_at " things list"' -F`,
	} {
		if !strings.Contains(fish, want) {
			t.Errorf("the script for fish has no %q:\n%s", want, fish)
		}
	}
	if all := zsh + fish; strings.Contains(all, "ecret") || strings.Contains(all, "--json") {
		t.Errorf("what is hidden is offered:\n%s", all)
	}
}
