package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"picket.internal/display"
	"picket.internal/engine/reload"
	"picket.internal/engine/replay"
	"picket.internal/engine/rule"
	"picket.internal/terminal"
)

type promoteCommand struct {
	Rule          string `arg:"" help:"The rule's id, as in web.shell."`
	Rules         string `required:"" placeholder:"DIR" help:"Folder of rules, or one file, that the rule stands in."`
	From          when   `placeholder:"TIME" default:"168h" help:"Since when the past is looked at (${default})."`
	WithoutReplay bool   `help:"Do not look at the past."`
	Yes           bool   `short:"y" help:"Do not ask."`
	pastFlags
	hubFlags
}

// Help is shown below the one line of help.
func (*promoteCommand) Help() string {
	return `Makes a rule stable that is on trial: from then on its alerts are told. First it is shown
what the rule would have raised over the stored past, and checked what the hub will check:
at least one test that fires and one that does not, all of them passing. Then the one word
in the rule's file is changed.

    $ picket rules promote --rules ./rules web.shell
    $ picket rules promote --rules ./rules web.shell --facts facts.jsonl --yes

Exits 1 where the rule may not be promoted, or the answer was no.`
}

// promotion is a rule on its way to stable.
type promotion struct {
	rule          *rule.Rule
	set           *rule.Set
	path          string
	before, after []byte
	line          int // that changes
}

// promoted is the last document of rules promote --json.
type promoted struct {
	Event  string `json:"event"` // "promoted"
	Rule   string `json:"rule"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Before string `json:"status_before"`
	After  string `json:"status"`
}

// Run promotes a rule.
func (c *promoteCommand) Run(ctx context.Context, e *env) error {
	p := e.printer(c.JSON)
	m, err := c.prepare(e)
	if err != nil {
		return err
	}
	if m.rule.Status == rule.StatusStable {
		p.Note("%s is stable already", c.Rule)
		return nil
	}
	if !c.WithoutReplay {
		if err := c.show(ctx, e, p, m.set); err != nil {
			return err
		}
	}
	if err := c.confirm(e, m); err != nil {
		return err
	}
	if err := rewrite(m.path, m.before, m.after); err != nil {
		return fmt.Errorf("promoting %s: %w", c.Rule, err)
	}
	if c.JSON {
		return p.Document(promoted{"promoted", c.Rule, m.path, m.line, string(m.rule.Status), string(rule.StatusStable)})
	}
	_, err = fmt.Fprintf(e.options.Out, "%s is stable now (%s:%d)\n", display.Line(c.Rule), display.Line(m.path), m.line)
	return err
}

// prepare finds the rule, makes the file as it is going to be, and holds that
// against what a hub asks of a set before it runs it.
func (c *promoteCommand) prepare(e *env) (*promotion, error) {
	pack := packFlags{Pack: c.Rules}
	fsys, err := pack.open()
	if err != nil {
		return nil, err
	}
	set, files, findings := reload.CheckFiles(fsys)
	if set == nil {
		return nil, c.refused(e, &pack, findings, "the rules do not load as they are")
	}
	r, ok := set.Rule(c.Rule)
	if !ok {
		fmt.Fprintf(e.options.Err, "picket: there is no rule %s in %s\n", display.Line(c.Rule), display.Line(c.Rules))
		return nil, errNo
	}
	if r.Status == rule.StatusDeprecated {
		fmt.Fprintf(e.options.Err, "picket: %s is deprecated: it is not on trial, it is on its way out\n", display.Line(c.Rule))
		return nil, errNo
	}
	m := &promotion{rule: r, set: set, path: pack.file(r.File), before: files[r.File]}
	if r.Status == rule.StatusStable {
		return m, nil
	}
	if m.after, err = rule.SetStatus(m.path, m.before, c.Rule, rule.StatusStable); err != nil {
		return nil, err
	}
	m.line = differsAt(m.before, m.after)
	files[r.File] = m.after
	folder, err := memoryFolder(files)
	if err != nil {
		return nil, err
	}
	if stable, findings := reload.Check(folder); stable == nil {
		return nil, c.refused(e, &pack, findings, c.Rule+" may not be stable yet; no hub would run these rules")
	}
	return m, nil
}

// refused tells why the rule may not be promoted.
func (c *promoteCommand) refused(e *env, pack *packFlags, findings rule.Findings, words string) error {
	var errs rule.Findings
	for _, f := range findings {
		if f.Level == rule.LevelError {
			f.File = pack.file(f.File)
			errs = append(errs, f)
		}
	}
	fmt.Fprintf(e.options.Err, "%spicket: %s\n", errs, display.Line(words))
	return errNo
}

// differsAt is the first line in which two texts differ.
func differsAt(a, b []byte) int {
	line := 1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		if a[i] == '\n' {
			line++
		}
	}
	return line
}

// show replays the rule.
func (c *promoteCommand) show(ctx context.Context, e *env, p *terminal.Printer, set *rule.Set) error {
	from := c.From.Time
	if c.Facts != "" {
		from = from.AddDate(-100, 0, 0) // a file is as old as it is
	}
	past, err := c.open(ctx, e, from, &c.hubFlags)
	if err != nil {
		return err
	}
	defer past.close()
	report, err := past.run(ctx, p, replay.Config{Set: set, Only: c.Rule})
	if err != nil {
		return err
	}
	return p.Replay(report, past.missing)
}

// confirm asks, where there is somebody to ask.
func (c *promoteCommand) confirm(e *env, m *promotion) error {
	if c.Yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usageError{fmt.Errorf("%s is not promoted: there is no terminal to ask on; --yes promotes without asking", c.Rule)}
	}
	fmt.Fprintf(e.options.Err, "Make %s stable, in %s:%d? Its alerts are told from then on. [y/N] ", display.Line(c.Rule), display.Line(m.path), m.line)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(answer)); word == "y" || word == "yes" {
		return nil
	}
	if err != nil && answer == "" {
		fmt.Fprintln(e.options.Err)
	}
	fmt.Fprintf(e.options.Err, "picket: %s stays as it is\n", display.Line(c.Rule))
	return errNo
}
