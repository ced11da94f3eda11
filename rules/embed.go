// Package rules is the detection content that Picket ships: one file a rule in
// a folder a family, each with the tests that show when it fires and when it
// does not. docs/rules.md describes the language.
//
// Tags follow MITRE ATT&CK version 19 as Sigma writes them. The package must
// hold no logic: a rule that needs Go is not a rule.
package rules

import (
	"embed"
	"io/fs"
)

//go:embed *.yaml */*.yaml
var files embed.FS

// FS holds the rule documents, for rule.LoadFS.
func FS() fs.FS { return files }
