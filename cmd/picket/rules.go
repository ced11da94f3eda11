package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"picket.internal/display"
	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/rules"
	"picket.internal/terminal"
)

type rulesCommands struct {
	Lint lintCommand `cmd:"" help:"Check rules: syntax, fields, types, cost, missing tests."`
	Test testCommand `cmd:"" help:"Run the tests that rules carry."`

	Replay  replayCommand  `cmd:"" help:"Tell what rules would have raised over the stored past."`
	Promote promoteCommand `cmd:"" help:"Take a rule off its trial, once its past and its tests have been looked at."`
	Shadow  shadowCommand  `cmd:"" help:"List the rules that are on trial on the hub, and what they have raised."`
	Convert convertCommands `cmd:"" help:"Turn rules of other languages into rules of Picket."`
}

// packFlags say which rules are meant.
type packFlags struct {
	Pack string `arg:"" optional:"" name:"dir" help:"Folder of rules, or one file; the shipped rules if left out."`
	JSON bool   `name:"json" help:"Print one JSON document a line, and a summary at the end."`
}

// load reads the pack; the set is nil where the findings hold an error. Files
// are named as a person in the current folder would.
func (p *packFlags) load() (set *rule.Set, findings rule.Findings, err error) {
	fsys, err := p.open()
	if err != nil {
		return nil, nil, err
	}
	set, findings = rule.LoadFS(fsys)
	for i := range findings {
		findings[i].File = p.file(findings[i].File)
	}
	return set, findings, nil
}

func (p *packFlags) open() (fs.FS, error) {
	if p.Pack == "" {
		return rules.FS(), nil
	}
	info, err := os.Stat(p.Pack)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	if info.IsDir() {
		return os.DirFS(p.Pack), nil
	}
	return oneFile{os.DirFS(filepath.Dir(p.Pack)), filepath.Base(p.Pack)}, nil
}

// file turns a name within the pack into one that an editor finds.
func (p *packFlags) file(name string) string {
	switch info, err := os.Stat(p.Pack); {
	case p.Pack == "":
		return filepath.Join("rules", name)
	case err == nil && !info.IsDir():
		return filepath.Join(filepath.Dir(p.Pack), name)
	}
	return filepath.Join(p.Pack, name)
}

// oneFile is a folder of which only one file is seen.
type oneFile struct {
	fs.FS
	name string
}

// ReadDir implements fs.ReadDirFS.
func (o oneFile) ReadDir(string) ([]fs.DirEntry, error) {
	info, err := fs.Stat(o.FS, o.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

type lintCommand struct{ packFlags }

// Help is shown below the one line of help.
func (*lintCommand) Help() string {
	return `Exits 0 where nothing is found, 1 where something is.

    $ picket rules lint ./rules
    rules/web/shell.yaml:9:3: error: there is no field process.exe [rule.unknown_field]
        9 |   process.exe == "/bin/sh"
          |   ^
            did you mean process.executable?
    1 error, 0 warnings`
}

// lintSummary is the last document of rules lint --json.
type lintSummary struct {
	Event    string `json:"event"` // "summary"
	OK       bool   `json:"ok"`
	Rules    int    `json:"rules"` // 0 where an error keeps the pack from loading
	Errors   int    `json:"errors"`
	Warnings int    `json:"warnings"`
}

// Run checks the rules.
func (c *lintCommand) Run(e *env) error {
	set, findings, err := c.load()
	if err != nil {
		return err
	}
	s := lintSummary{Event: "summary", OK: len(findings) == 0}
	if set != nil {
		s.Rules = set.Len()
	}
	for _, f := range findings {
		if f.Level == rule.LevelError {
			s.Errors++
		} else {
			s.Warnings++
		}
	}
	if c.JSON {
		err = documents(e.printer(true), findings, s)
	} else {
		err = c.print(e, findings, s)
	}
	return verdict(s.OK, err)
}

func (c *lintCommand) print(e *env, findings rule.Findings, s lintSummary) error {
	if s.OK {
		_, err := fmt.Fprintf(e.options.Out, "%s, nothing found\n", count(s.Rules, "rule"))
		return err
	}
	_, err := fmt.Fprintf(e.options.Out, "%s%s, %s\n", findings, count(s.Errors, "error"), count(s.Warnings, "warning"))
	return err
}

type testCommand struct {
	packFlags
	Verbose bool `short:"v" help:"Also print the tests that passed."`
}

// Help is shown below the one line of help.
func (*testCommand) Help() string {
	return `Exits 0 where every test passes, 1 where one fails, 2 where the rules do not load.

    $ picket rules test ./rules
    FAIL  canary.read: restic may read it  (rules/canary/read.yaml:21)
          1 alert, wanted none: /usr/bin/restic read /root/.aws/credentials
    47 of 48 tests passed`
}

// testSummary is the last document of rules test --json.
type testSummary struct {
	Event  string `json:"event"` // "summary"
	OK     bool   `json:"ok"`
	Rules  int    `json:"rules"`
	Tests  int    `json:"tests"`
	Passed int    `json:"passed"`
	Failed int    `json:"failed"`
}

// Run runs the tests.
func (c *testCommand) Run(e *env) error {
	set, findings, err := c.load()
	if err != nil {
		return err
	}
	if set == nil {
		fmt.Fprint(e.options.Err, findings)
		return errors.New("the rules do not load; picket rules lint checks them")
	}
	results := rule.TestWith(set, engine.Player{})
	s := testSummary{Event: "summary", Rules: set.Len(), Tests: len(results)}
	for i := range results {
		results[i].File = c.file(results[i].File)
		if results[i].Passed {
			s.Passed++
		}
	}
	s.Failed = s.Tests - s.Passed
	s.OK = s.Failed == 0
	if c.JSON {
		err = documents(e.printer(true), results, s)
	} else {
		err = c.print(e, results, s)
	}
	return verdict(s.OK, err)
}

func (c *testCommand) print(e *env, results []rule.TestResult, s testSummary) error {
	for _, r := range results {
		if r.Passed && !c.Verbose {
			continue
		}
		mark := "ok    "
		if !r.Passed {
			mark = "FAIL  "
		}
		text := fmt.Sprintf("%s%s: %s  (%s:%d)\n", mark, r.Rule, display.Line(r.Name), display.Line(r.File), r.Line)
		if !r.Passed {
			text += "      " + count(r.Got, "alert") + ", wanted " + fmt.Sprint(r.Want)
			if r.Detail != "" {
				text += ": " + display.Line(r.Detail)
			}
			text += "\n"
		}
		if _, err := fmt.Fprint(e.options.Out, text); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(e.options.Out, "%d of %s passed\n", s.Passed, count(s.Tests, "test"))
	return err
}

// documents prints every item and then the summary.
func documents[Item any](p *terminal.Printer, items []Item, summary any) error {
	for _, item := range items {
		if err := p.Document(item); err != nil {
			return err
		}
	}
	return p.Document(summary)
}

// verdict is errNo where the answer is no and nothing worse has happened.
func verdict(ok bool, err error) error {
	if err == nil && !ok {
		return errNo
	}
	return err
}

func count(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return fmt.Sprintf("%d %s", n, of)
}
