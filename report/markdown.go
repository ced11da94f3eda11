package report

import (
	"fmt"
	"strings"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// Reference is what conditions may read and call.
type Reference struct {
	Kinds     []fact.KindInfo
	Fields    []fact.Field
	Functions []rule.Function
}

// Markdown writes the reference as a page.
func (r Reference) Markdown() []byte {
	var b strings.Builder
	b.WriteString("# What conditions may read and call\n\n## Kinds of facts\n\n| kind | what it is about | actions |\n|---|---|---|\n")
	for _, k := range r.Kinds {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Kind, tableText(k.Doc), strings.Join(k.Actions, ", "))
	}
	b.WriteString("\n## Fields\n\n| field | type | what it is | unit |\n|---|---|---|---|\n")
	for _, f := range r.Fields {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Path, f.Type, tableText(f.Doc), tableText(f.Unit))
	}
	b.WriteString("\n## Functions\n\nThe examples are about the fact of docs/rules.md.\n\n| function | what it gives | example |\n|---|---|---|\n")
	for _, f := range r.Functions {
		var examples []string
		for _, x := range f.Examples {
			example := "`` " + tableText(x.Expr) + " ``"
			if x.Want != "true" {
				example += " is " + x.Want
			}
			examples = append(examples, example)
		}
		fmt.Fprintf(&b, "| `` %s `` | %s | %s |\n", tableText(strings.Join(f.Forms, " `` or `` ")), tableText(f.Doc), strings.Join(examples, "<br>"))
	}
	return []byte(b.String())
}

// tableText keeps a bar from ending a cell.
func tableText(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
