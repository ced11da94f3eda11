package terminal_test

import (
	"bytes"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/terminal"
)

func TestLogSeen(t *testing.T) {
	for want, l := range map[string]*api.HostLog{
		"not yet":                          nil,
		"812 records, as ours":             {Records: 812, Verdict: api.LogSame, Checkpoint: "x"},
		"812 records, NOT AS OURS":         {Records: 812, Verdict: api.LogFork},
		"812 records, MORE THAN THERE ARE": {Records: 812, Verdict: api.LogRollback},
		"by an older wrapper":              {Records: 812},
		"\\x1b[2J of a newer hub":          {Records: 812, Verdict: "\x1b[2J of a newer hub"},
	} {
		var out bytes.Buffer
		p := terminal.New(terminal.Options{Out: &out, Err: &out})
		if err := p.LogSeen(l); err != nil || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%+v is shown as %q, %v", l, out.String(), err)
		}
	}
}
