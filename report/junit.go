package report

import (
	"bytes"
	"encoding/xml"
	"fmt"

	"picket.internal/display"
	"picket.internal/engine/rule"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes test results as JUnit XML: a suite a rule, in the order of the
// results.
func JUnit(results []rule.TestResult) ([]byte, error) {
	all := junitSuites{Name: "picket rules test"}
	for _, r := range results {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != r.Rule {
			all.Suites = append(all.Suites, junitSuite{Name: r.Rule})
		}
		suite := &all.Suites[len(all.Suites)-1]
		c := junitCase{Name: display.Line(r.Name), Class: r.Rule, File: display.Line(r.File), Line: r.Line}
		suite.Tests++
		all.Tests++
		if !r.Passed {
			c.Failure = &junitFailure{Message: fmt.Sprintf("alerts: %d, wanted %d", r.Got, r.Want), Text: display.Line(r.Detail)}
			suite.Failures++
			all.Failures++
		}
		suite.Cases = append(suite.Cases, c)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return nil, fmt.Errorf("writing JUnit XML: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
