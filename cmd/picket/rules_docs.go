package main

import (
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/report"
)

type docsCommand struct {
	Format string `enum:"markdown,json" default:"markdown" placeholder:"FORMAT" help:"markdown or json (as --json)."`
	JSON   bool   `name:"json" help:"Print one JSON document a line: kinds, then fields, then functions."`
}

// Help is shown below the one line of help.
func (*docsCommand) Help() string {
	return `The fields are those of this version's facts, the functions those of its language.

    $ picket rules docs > reference.md
    $ picket rules docs --json | jq -r 'select(.field) | .field'`
}

// The documents of rules docs --json.
type kindDoc struct {
	Kind    fact.Kind `json:"kind"`
	Doc     string    `json:"doc"`
	Actions []string  `json:"actions"`
}

type fieldDoc struct {
	Field  string `json:"field"`
	Type   string `json:"type"`
	Doc    string `json:"doc"`
	Unit   string `json:"unit,omitempty"`
	Source string `json:"source,omitempty"`
}

type functionDoc struct {
	Function string         `json:"function"`
	Forms    []string       `json:"forms"`
	Doc      string         `json:"doc"`
	Examples []rule.Example `json:"examples"`
	Own      bool           `json:"own"` // Picket adds it to CEL
}

// Run prints the reference.
func (c *docsCommand) Run(e *env) error {
	if c.JSON || c.Format == "json" {
		return c.documents(e)
	}
	page := report.Reference{Kinds: fact.Kinds(), Fields: fact.Fields(), Functions: rule.Functions()}
	_, err := e.options.Out.Write(page.Markdown())
	return err
}

func (c *docsCommand) documents(e *env) error {
	var all []any
	for _, k := range fact.Kinds() {
		all = append(all, kindDoc{k.Kind, k.Doc, k.Actions})
	}
	for _, f := range fact.Fields() {
		all = append(all, fieldDoc{f.Path, f.Type, f.Doc, f.Unit, f.Source})
	}
	for _, f := range rule.Functions() {
		all = append(all, functionDoc{f.Name, f.Forms, f.Doc, f.Examples, f.Own})
	}
	p := e.printer(true)
	for _, doc := range all {
		if err := p.Document(doc); err != nil {
			return err
		}
	}
	return nil
}
