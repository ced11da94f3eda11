package rule_test

import (
	"strings"
	"testing"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

func TestMessages(t *testing.T) {
	tests := []struct{ template, want string }{
		{"plain", "plain"},
		{"{{process.executable}} as {{user.name}}", "/usr/bin/dash as www-data"},
		{"{{ process.executable.base() }}", "dash"},
		{"pid {{process.pid + 1}}", "pid 43"},
		{"{{process.start_ticks}}", "1152921504606846976"},
		{"{{process.args}}", "sh -c id"},
		{"{{process.exit_code}}", "0"},
		{"{{process.deleted}} {{process.working_directory}} {{file.path}} {{service.name}}", "unknown unknown unknown unknown"},
		{"{{process.args[9]}}", "unknown"},
		{`{{process.name == "sh" ? "}}" : "{{"}}`, "}}"},
		{"{{time}}", "0001-01-01T00:00:00Z"},
		{"{{has(process.hash)}}", "true"},
		{"one { two } three", "one { two } three"},
	}
	for _, tt := range tests {
		t.Run(tt.template, func(t *testing.T) {
			r := load(t, document(`process.pid == 42`, onProcess, "message: '"+tt.template+"'"))
			if got, _ := r.RenderMessage(rule.NewVars(processFact(), nil)); got != tt.want {
				t.Errorf("%q, wanted %q", got, tt.want)
			}
		})
	}
}

func TestMessageDefaultsToTheTitle(t *testing.T) {
	r := condition(t, `process.pid == 42`)
	if got, err := r.RenderMessage(rule.NewVars(processFact(), nil)); got != "a rule" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// An expression that fails must not lose the alert, and the error is told.
func TestMessageWithAFailingPart(t *testing.T) {
	r := load(t, document(`process.pid == 42`, onProcess, `message: "{{process.name}} {{process.args[9]}}"`))
	got, err := r.RenderMessage(rule.NewVars(processFact(), nil))
	if got != "sh unknown" || err == nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestMessageIsBounded(t *testing.T) {
	f := processFact()
	f.Process.CommandLine = strings.Repeat("ä", 8000)
	r := load(t, document(`process.pid == 42`, onProcess, "message: \""+strings.Repeat("{{process.command_line}} ", 15)+"\""))
	got, err := r.RenderMessage(rule.NewVars(f, nil))
	if err != nil || len(got) > 1024 || !strings.HasSuffix(got, "…") || strings.ToValidUTF8(got, "") != got {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// What a process calls itself is shown as it is; the display layer escapes it.
func TestMessageKeepsControlCharacters(t *testing.T) {
	f := &fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{PID: 42, Name: "a\x1b[31m"}}
	r := load(t, document(`process.pid == 42`, onProcess, "message: '{{process.name}}'"))
	if got, _ := r.RenderMessage(rule.NewVars(f, nil)); got != "a\x1b[31m" {
		t.Errorf("%q", got)
	}
}
