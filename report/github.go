package report

import (
	"fmt"
	"strings"

	"picket.internal/display"
	"picket.internal/engine/rule"
)

// GitHub writes findings as workflow commands, one a line: GitHub shows them
// beside the lines of a pull request.
func GitHub(findings rule.Findings) []byte {
	var b strings.Builder
	for _, f := range findings {
		command := "warning"
		if f.Level == rule.LevelError {
			command = "error"
		}
		fmt.Fprintf(&b, "::%s file=%s", command, property(f.File))
		if f.Line > 0 {
			fmt.Fprintf(&b, ",line=%d,col=%d", f.Line, f.Column)
		}
		fmt.Fprintf(&b, ",title=%s::%s\n", property(f.Code), data(sentence(f)))
	}
	return []byte(b.String())
}

// data escapes the text of a command. Newlines would begin another command;
// display.Line leaves none, and the marks that GitHub takes for escapes go
// after it.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(display.Line(s))
}

// property also escapes what ends a property.
func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}
