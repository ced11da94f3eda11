package main

import (
	"fmt"
	"os"

	"picket.internal/display"
	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/report"
	"picket.internal/terminal"
)

type testCommand struct {
	packFlags
	Verbose  bool   `short:"v" help:"Also print the tests that passed."`
	Coverage bool   `help:"Also say which parts of conditions were never true, or never false, in any test."`
	JUnit    string `name:"junit" placeholder:"FILE" help:"Also write the results to a file as JUnit XML."`
}

// Help is shown below the one line of help.
func (*testCommand) Help() string {
	return `Exits 0 where every test passes, 1 where one fails, 2 where the rules do not load.

    $ picket rules test ./rules
    FAIL  canary.read: restic may read it  (rules/canary/read.yaml:21)
          1 alert, wanted none: /usr/bin/restic read /root/.aws/credentials
    47 of 48 tests passed

With --coverage, a part of a condition that the tests do not try is shown where
it stands. It does not change the exit code.

    $ picket rules test ./rules --coverage
    rules/web/shell.yaml:8:45: untested: never false in any test
        8 | where: process.name == "sh" && user.id == "0"
          |                                ^~~~~~~~~~~~~~
    48 of 48 tests passed
    251 of 252 outcomes seen (99.6 %)`
}

// testSummary is the last document of rules test --json.
type testSummary struct {
	Event  string `json:"event"` // "summary"
	OK     bool   `json:"ok"`
	Rules  int    `json:"rules"`
	Tests  int    `json:"tests"`
	Passed int    `json:"passed"`
	Failed int    `json:"failed"`
	// Coverage is there where it was asked for.
	Coverage *coverageSummary `json:"coverage,omitempty"`
}

// Run runs the tests.
func (c *testCommand) Run(e *env) error {
	set, err := c.loadOrFail(e)
	if err != nil {
		return err
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
	if err := c.writeJUnit(results); err != nil {
		return err
	}
	var covered []rule.Coverage
	if c.Coverage {
		covered, s.Coverage = c.cover(set)
	}
	if c.JSON {
		err = testDocuments(e.printer(true), results, covered, s)
	} else {
		err = c.print(e, results, s, covered)
	}
	return verdict(s.OK, err)
}

func (c *testCommand) print(e *env, results []rule.TestResult, s testSummary, covered []rule.Coverage) error {
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
	if err := printUnseen(e, covered); err != nil {
		return err
	}
	text := fmt.Sprintf("%d of %s passed\n", s.Passed, count(s.Tests, "test"))
	if s.Coverage != nil {
		text += fmt.Sprintf("%d of %s seen (%.1f %%)\n", s.Coverage.Seen, count(s.Coverage.Branches, "outcome"), s.Coverage.Percent)
	}
	_, err := fmt.Fprint(e.options.Out, text)
	return err
}

// coverageSummary sums up what the tests have tried.
type coverageSummary struct {
	Branches int     `json:"branches"` // outcomes that parts of conditions can have
	Seen     int     `json:"seen"`     // those that some test had
	Percent  float64 `json:"percent"`
}

func (c *testCommand) cover(set *rule.Set) ([]rule.Coverage, *coverageSummary) {
	covered, sum := rule.Cover(set), &coverageSummary{Percent: 100}
	for i := range covered {
		covered[i].File = c.file(covered[i].File)
		sum.Branches += covered[i].Branches
		sum.Seen += covered[i].Seen
	}
	if sum.Branches > 0 {
		sum.Percent = 100 * float64(sum.Seen) / float64(sum.Branches)
	}
	return covered, sum
}

func printUnseen(e *env, covered []rule.Coverage) error {
	for _, c := range covered {
		text := ""
		if c.Error != "" {
			text = fmt.Sprintf("%s: not measured: %s\n", c.Rule, display.Line(c.Error))
		}
		for _, u := range c.Missing {
			text += u.String(c.File)
		}
		if _, err := fmt.Fprint(e.options.Out, text); err != nil {
			return err
		}
	}
	return nil
}

func testDocuments(p *terminal.Printer, results []rule.TestResult, covered []rule.Coverage, s testSummary) error {
	for _, r := range results {
		if err := p.Document(r); err != nil {
			return err
		}
	}
	return documents(p, covered, s)
}

func (c *testCommand) writeJUnit(results []rule.TestResult) error {
	if c.JUnit == "" {
		return nil
	}
	data, err := report.JUnit(results)
	if err == nil {
		err = os.WriteFile(c.JUnit, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing JUnit results: %w", err)
	}
	return nil
}
