package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/wire"
)

// TestThreat_T2_TokenOnTheCommandLineIsRefused: wherever a token stands among
// the arguments, it is not used, not repeated, and the exit status says wrong
// use.
func TestThreat_T2_TokenOnTheCommandLineIsRefused(t *testing.T) {
	token := wire.Token{
		Address: "127.0.0.1:1", Hub: wire.NewHubID(), ID: wire.NewTokenID(), Secret: wire.NewSecret(), Pins: []wire.Pin{{1}},
	}
	state := filepath.Join(t.TempDir(), "state")
	for _, args := range [][]string{
		{"enroll", "--state", state, token.String()},
		{"enroll", "--state", state, "--token", token.String()},
		{"enroll", "--state", state, "-token=" + token.String()},
		{"enroll", "--state", state, "--token-file", token.String()},
		{"enroll", "--state", state, "--token-file=" + token.String()},
		{"enroll", "--state=" + token.String()},
		{"enroll", token.String(), "--state", state},
		{"enroll", "--state", state, token.String()[5:]}, // without its beginning
		{"enrol", token.String()},
		{token.String()},
	} {
		var out, log bytes.Buffer
		status := run(context.Background(), args, strings.NewReader(""), &out, &log)
		said := out.String() + log.String()
		if status != exitWrong || !strings.Contains(said, "enrol.token_on_cmdline") {
			t.Errorf("%q: exit status %d, %s", args, status, said)
		}
		if strings.Contains(said, token.Secret) || strings.Contains(said, token.String()[5:45]) {
			t.Errorf("%q: the token is repeated: %s", args, said)
		}
		if _, err := os.Stat(state); err == nil {
			t.Fatalf("%q: a state folder was made", args)
		}
	}
}

// A file may be named like the beginning of a token.
func TestLooksLikeToken(t *testing.T) {
	for arg, want := range map[string]bool{
		"./pkt1.txt": false, "--token-file=/run/pkt1.token": false, "--token-file": false, "": false, "enroll": false,
		"--token": true, "-token=x": true, "pkt1." + strings.Repeat("a", 60): true, "--x=pkt1." + strings.Repeat("-", 60): true,
	} {
		if got := looksLikeToken(arg); got != want {
			t.Errorf("%q: got %v, want %v", arg, got, want)
		}
	}
}

// Errors may quote a hub or a file; none of it reaches a terminal as more than
// text on one line.
func TestErrorsArePrintable(t *testing.T) {
	hostile := "a\x1b]52;c;x\x07\r\nALERT ok\u009b1m\xff\u202e"
	got := printable(&wrongUse{err: errorString(hostile)})
	for _, r := range got {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
			t.Errorf("%q holds %U", got, r)
		}
	}
	if !strings.Contains(got, "ALERT ok") {
		t.Errorf("%q lost its words", got)
	}
}

type errorString string

func (e errorString) Error() string { return string(e) }
