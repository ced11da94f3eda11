package main

import (
	"encoding/json"
	"fmt"

	"picket.internal/engine/rule"
)

type schemaCommand struct {
	Document string `arg:"" optional:"" enum:",rule,list,macro,filter,pack,test" default:"" help:"One kind of document: rule, list, macro, filter, pack or test; any if left out."`
}

// Help is shown below the one line of help.
func (*schemaCommand) Help() string {
	return `An editor that knows the schema completes keys and marks slips while one types. It
knows keys and values by themselves; what they mean together, picket rules lint does.

    $ picket rules schema > picket-rule.schema.json
    $ head -1 rules/web/shell.yaml
    # yaml-language-server: $schema=../../picket-rule.schema.json`
}

// Run prints the schema.
func (c *schemaCommand) Run(e *env) error {
	schema := rule.JSONSchema()
	if c.Document != "" {
		var err error
		if schema, err = definition(schema, c.Document); err != nil {
			return err
		}
	}
	_, err := e.options.Out.Write(schema)
	return err
}

// definition is the schema of one kind of document, which refers to no other.
func definition(schema []byte, name string) ([]byte, error) {
	var whole struct {
		Schema string                    `json:"$schema"`
		Defs   map[string]map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(schema, &whole); err != nil {
		return nil, fmt.Errorf("internal error: reading the schema: %w", err)
	}
	one, ok := whole.Defs[name]
	if !ok {
		return nil, fmt.Errorf("internal error: the schema has no document %q", name)
	}
	one["$schema"], one["title"] = whole.Schema, "A "+name+" document of a Picket rule file"
	data, err := json.MarshalIndent(one, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("internal error: writing the schema: %w", err)
	}
	return append(data, '\n'), nil
}
