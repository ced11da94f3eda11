package terminal_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/terminal"
)

func TestAttestation(t *testing.T) {
	at := time.Date(2026, 5, 6, 15, 4, 5, 0, time.UTC)
	for want, a := range map[string]*api.Attestation{
		"not yet":                 nil,
		"not answered yet":        {Asked: at},
		"finds what the sensor":   {Asked: at, At: at, Verdict: api.AttestAgrees},
		"still to be restarted":   {Asked: at, At: at, Verdict: api.AttestRestart, Notes: []string{"process 7"}},
		"CONTRADICTS THE SENSOR":  {Asked: at, At: at, Verdict: api.AttestDisagrees, Findings: []string{"attest.running: x"}},
		"found":                   {Asked: at, At: at, Verdict: api.AttestDisagrees, Findings: []string{"attest.running: \x1b[2Jx"}},
		"NO ANSWER":               {Asked: at, Verdict: api.AttestNoAnswer},
		"REFUSED":                 {Asked: at, At: at, Verdict: api.AttestRefused},
		"a word of a newer hub's": {Asked: at, At: at, Verdict: "a word of a newer hub's"},
	} {
		var out bytes.Buffer
		p := terminal.New(terminal.Options{Out: &out, Err: &out, Now: func() time.Time { return at }, Zone: time.UTC})
		if err := p.Attestation(a); err != nil || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%+v is shown as %q, %v", a, out.String(), err)
		}
	}
}
