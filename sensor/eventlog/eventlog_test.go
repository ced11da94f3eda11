package eventlog_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"picket.internal/sensor/eventlog"
)

func TestLines(t *testing.T) {
	for want, event := range map[string]func(*eventlog.Logger){
		`level=INFO msg=stopped`: func(l *eventlog.Logger) { l.Info("stopped") },
		`level=WARN msg="the hub is away" hub=u_1 again_in=2s`: func(l *eventlog.Logger) {
			l.Warn("the hub is away", "hub", "u_1", "again_in", 2*time.Second)
		},
		`level=ERROR msg=failed error="read /x: no such file" n=3`: func(l *eventlog.Logger) {
			l.Error("failed", "error", errors.New("read /x: no such file"), "n", 3)
		},
		`level=INFO msg=odd !BADKEY=7 empty=""`: func(l *eventlog.Logger) { l.Info("odd", 7, "empty", "") },
		`level=INFO msg=cut !BADKEY=name`:       func(l *eventlog.Logger) { l.Info("cut", "name") },
	} {
		var out strings.Builder
		event(eventlog.New(&out, eventlog.LevelInfo))
		stamp := regexp.MustCompile(`^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d) `)
		if got := stamp.ReplaceAllString(out.String(), ""); got != want+"\n" {
			t.Errorf("got  %s\nwant %s", out.String(), want)
		}
	}
}

// TestThreat_H7_NoForgedLine: what an event carries is one line of plain ASCII,
// whatever it is.
func TestThreat_H7_NoForgedLine(t *testing.T) {
	whole := regexp.MustCompile(`^time=\S+ level=DEBUG msg=Q Q=Q$`)
	whole = regexp.MustCompile(strings.ReplaceAll(whole.String(), "Q", `("(\\.|[^"\\])*"|[^ "=\\]+)`))
	for _, hostile := range []string{"a\nlevel=ERROR msg=forged", "\x1b]52;c;x\x07", "\u202e\u2028", "\xff\xfe", `a" msg="b`, "a=b c"} {
		var out strings.Builder
		eventlog.New(&out, eventlog.LevelDebug).Debug(hostile, hostile, hostile)
		line := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is logged as %q", hostile, line)
		}
		if !whole.MatchString(line) {
			t.Errorf("%q is logged as %q", hostile, line)
		}
	}
}

func TestLevels(t *testing.T) {
	var out strings.Builder
	l := eventlog.New(&out, eventlog.LevelWarn)
	l.Debug("one")
	l.Info("two")
	if out.Len() > 0 {
		t.Errorf("logged %q", out.String())
	}
	l.Warn("three")
	if !strings.Contains(out.String(), "msg=three") {
		t.Errorf("logged %q", out.String())
	}
	var none *eventlog.Logger
	none.Error("nobody hears")
}
