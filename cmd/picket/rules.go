package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/internal/version"
	"picket.internal/policies"
	"picket.internal/report"
	"picket.internal/rules"
	"picket.internal/terminal"
)

type rulesCommands struct {
	Lint     lintCommand     `cmd:"" help:"Check rules: syntax, fields, types, cost, missing tests."`
	Test     testCommand     `cmd:"" help:"Run the tests that rules carry."`
	Explain  explainCommand  `cmd:"" help:"Say why a rule matches a fact, or which part decides that it does not."`
	Coverage coverageCommand `cmd:"" help:"Say which ATT&CK techniques rules look for, and which hosts they can see."`
	Bench    benchCommand    `cmd:"" help:"Measure what rules cost, one by one and through the index."`
	Docs     docsCommand     `cmd:"" help:"Print the fields and functions that conditions are made of."`
	Schema   schemaCommand   `cmd:"" help:"Print the JSON Schema of rule documents, for editors."`
	Replay   replayCommand   `cmd:"" help:"Tell what rules would have raised over the stored past."`
	Promote  promoteCommand  `cmd:"" help:"Take a rule off its trial, once its past and its tests have been looked at."`
	Shadow   shadowCommand   `cmd:"" help:"List the rules that are on trial on the hub, and what they have raised."`
	Filters  filtersCommand  `cmd:"" help:"List the hub's filters, who answers for them, and what they let pass."`
	Enable   enableCommand   `cmd:"" help:"Switch a rule on again that the hub switched off."`
	Convert  convertCommands `cmd:"" help:"Turn rules of other languages into rules of Picket."`
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
	set, findings = rule.Options{Now: time.Now()}.LoadFS(fsys)
	if set != nil {
		if findings = append(findings, engine.Check(set)...); findings.HasErrors() {
			set = nil
		}
	}
	for i := range findings {
		findings[i].File = p.file(findings[i].File)
	}
	return set, findings, nil
}

// loadOrFail is load for commands that are of no use without the rules: what is
// wrong with them is shown.
func (p *packFlags) loadOrFail(e *env) (*rule.Set, error) {
	set, findings, err := p.load()
	if err != nil {
		return nil, err
	}
	if set == nil {
		fmt.Fprint(e.options.Err, findings)
		return nil, errors.New("the rules do not load; picket rules lint checks them")
	}
	return set, nil
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

type lintCommand struct {
	packFlags
	Policies string `type:"existingdir" placeholder:"DIR" help:"Folder of response policies that the rules may name (the shipped ones for the shipped rules; without it names are not looked up)."`
	Format   string `enum:"text,json,sarif,github" default:"text" placeholder:"FORMAT" help:"text, json (as --json), sarif (SARIF 2.1.0) or github (workflow commands)."`
}

// Help is shown below the one line of help.
func (*lintCommand) Help() string {
	return `Exits 0 where nothing is found, 1 where something is.

    $ picket rules lint ./rules
    rules/web/shell.yaml:9:3: error: there is no field process.exe [rule.unknown_field]
        9 |   process.exe == "/bin/sh"
          |   ^
            did you mean process.executable?
    1 error, 0 warnings

sarif is one log for code scanning; github are commands that a workflow of
GitHub prints, which show each finding beside its line of a pull request:

    $ picket rules lint ./rules --format sarif > rules.sarif
    $ picket rules lint ./rules --format github`
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
	unknown, err := c.unknownPolicies(set)
	if err != nil {
		return err
	}
	findings = append(findings, unknown...)
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
	switch {
	case c.JSON || c.Format == "json":
		err = documents(e.printer(true), findings, s)
	case c.Format == "sarif":
		err = c.sarif(e, findings)
	case c.Format == "github":
		err = c.github(e, findings, s)
	default:
		err = c.print(e, findings, s)
	}
	return verdict(s.OK, err)
}

// unknownPolicies finds the names of policies that are in none of those at hand.
func (c *lintCommand) unknownPolicies(set *rule.Set) (rule.Findings, error) {
	var from fs.FS
	switch {
	case set == nil:
		return nil, nil
	case c.Policies != "":
		from = os.DirFS(c.Policies)
	case c.Pack == "":
		from = policies.FS()
	default:
		return nil, nil
	}
	list, err := policies.Load(from)
	if err != nil {
		return nil, err
	}
	findings := rule.CheckResponses(set, policies.Names(list))
	for i := range findings {
		findings[i].File = c.file(findings[i].File)
	}
	return findings, nil
}

func (c *lintCommand) sarif(e *env, findings rule.Findings) error {
	log, err := report.SARIF(findings, version.String())
	if err == nil {
		_, err = e.options.Out.Write(log)
	}
	return err
}

// github prints the summary too: a log of a workflow is read by people.
func (c *lintCommand) github(e *env, findings rule.Findings, s lintSummary) error {
	if _, err := e.options.Out.Write(report.GitHub(findings)); err != nil {
		return err
	}
	return c.print(e, nil, s)
}

func (c *lintCommand) print(e *env, findings rule.Findings, s lintSummary) error {
	if s.OK {
		_, err := fmt.Fprintf(e.options.Out, "%s, nothing found\n", count(s.Rules, "rule"))
		return err
	}
	_, err := fmt.Fprintf(e.options.Out, "%s%s, %s\n", findings, count(s.Errors, "error"), count(s.Warnings, "warning"))
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
