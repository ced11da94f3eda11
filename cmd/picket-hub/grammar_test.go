package main

import (
	"flag"
	"io"
	"testing"

	"picket.internal/internal/grammar"
)

var _ = flag.Bool("update", false, "write manual and completion anew")

var manual = grammar.Page{
	Section: 8,
	About: `It listens on two addresses: one for sensors and clients (TLS 1.3; both know it
by its keys, not by a certificate), and one for the web page. What it has
acknowledged is on its disk. Where the package is installed, the unit
picket-hub.service serves /var/lib/picket-hub once init has made it.

All that it knows is in one folder. Answers go to standard output, logs to
standard error, one event a line.`,
	Environment: []grammar.Entry{
		{Name: "NOTIFY_SOCKET", Text: "Where a service manager wants to be told that the hub takes connections, and that it stops. Source: sd_notify(3)."},
	},
	Files: []grammar.Entry{
		{Name: "/etc/picket-hub/flags", Text: "What the unit picket-hub.service gives serve beside the folder, in FLAGS."},
		{Name: "/var/lib/picket-hub", Text: "The folder of the unit's hub: hub.json, the database hub.db, profile.json with the first access token. For the user picket-hub alone."},
		{Name: "/var/lib/picket-hub/keys", Text: "The hub's keys. They are in no backup: keep a copy of them, once, where few can reach it."},
		{Name: "/run/picket-hub.ready", Text: "Where the unit's hub is, and the address of its web page with the key in it. For root alone."},
		{Name: "/usr/share/picket-hub", Text: "The rules and policies that Picket ships, to begin rules and policies of one's own with."},
	},
	SeeAlso: []string{"picket(1)", "picket-sensor(8)", "systemctl(1)", "sd_notify(3)"},
}

// TestManualAndCompletion: what the packages say of the command line is what it is.
func TestManualAndCompletion(t *testing.T) {
	parser, err := newParser(io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	grammar.Hold(t, "../../packaging", parser.Model, manual)
}
