package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"picket.internal/internal/grammar"
)

var manual = grammar.Page{
	Section: 1,
	About: `It runs all of Picket on one machine (up, demo), asks a hub (alerts, hosts,
facts, enroll, access, eat, audit), and checks rules without one (rules).

A hub is asked with an access token, which is in a profile, in a file or in the
environment; it names the hub's address and the keys by which the hub is known.
Every command that prints data takes --json, and then prints one document a
line.`,
	Environment: []grammar.Entry{
		{Name: "PICKET_DIR", Text: "Folder of the profile that says where the hub is, with an access token. Without it that is $XDG_STATE_HOME/picket or ~/.local/state/picket. The flag --dir goes before it."},
		{Name: "PICKET_TOKEN", Text: "An access token itself, as picket access new prints it, instead of the profile's. The flag --token-file goes before it."},
		{Name: "SSH_AUTH_SOCK", Text: "The socket of the ssh-agent that --agent signs with."},
		{Name: "XDG_STATE_HOME, HOME", Text: "Where the folder of picket up and the profile are, where PICKET_DIR does not say."},
		{Name: "NO_COLOR, TERM", Text: "Output has no colour where the first is set or the second is dumb."},
	},
	Files: []grammar.Entry{
		{Name: "~/.local/state/picket/profile.json", Text: "Where the hub is, and an access token: whoever reads it may do all that the token may. It is refused where others may read it."},
		{Name: "/var/lib/picket-hub/profile.json", Text: "The same, as picket-hub init makes it at the hub; PICKET_DIR=/var/lib/picket-hub names it."},
		{Name: "/etc/picket/trust/trust.json", Text: "A host's trust store: the public keys that --trust verifies with."},
		{Name: "/etc/picket/sensor.json", Text: "Which canaries a host has; --config of picket canary plant writes it."},
	},
	SeeAlso: []string{"picket-hub(8)", "picket-sensor(8)", "ssh-agent(1)"},
}

// TestManualAndCompletion: what the packages say of the command line is what it is.
func TestManualAndCompletion(t *testing.T) {
	parser, err := newParser(io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	grammar.Hold(t, "../../packaging", parser.Model, manual)
}

// TestManualTellsTheEnvironment: each variable that is read here is in the manual.
func TestManualTellsTheEnvironment(t *testing.T) {
	read := regexp.MustCompile(`[gG]etenv\("([A-Z_]+)"\)`)
	var told []string
	for _, e := range manual.Environment {
		told = append(told, strings.Split(e.Name, ", ")...)
	}
	var found []string
	for _, dir := range []string{".", "../../client", "../../terminal", "../../local"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range read.FindAllStringSubmatch(string(source), -1) {
				found = append(found, m[1])
				if !slices.Contains(told, m[1]) {
					t.Errorf("%s reads %s, of which the manual says nothing", file, m[1])
				}
			}
		}
	}
	if len(found) < 5 {
		t.Errorf("only %q are seen to be read: the test looks for the wrong calls", found)
	}
}
