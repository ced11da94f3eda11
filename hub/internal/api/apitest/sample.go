package apitest

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/fact"
)

// Noon is when the samples happen.
var Noon = time.Date(2026, 5, 6, 12, 4, 5, 123456000, time.UTC)

// AlertID is the id of the n-th sample alert.
func AlertID(n int) string { return fmt.Sprintf("01JTHXG0000000000000%06d", n) }

// HostID is the id of the n-th sample host.
func HostID(n int) string { return fmt.Sprintf("h_%025da", n) }

const sampleSHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// CanaryFact is cat, run by www-data, reading a canary. Text, where it is not
// empty, takes the place of everything in it that a host can choose.
func CanaryFact(n int, text string) *fact.Fact {
	f := &fact.Fact{
		ID:   fmt.Sprintf("01JTHXFZ000000000000%06d", n),
		Time: Noon.Add(time.Duration(n) * time.Second), Kind: fact.KindCanary,
		Host: fact.Host{ID: HostID(1), Name: "web1"}, Seq: uint64(n),
		Canary: &fact.Canary{Action: fact.CanaryRead, ID: "aws-credentials", Path: "/home/alice/.aws/credentials", Attribution: fact.AttributionProc},
		Process: &fact.Process{
			PID: 4711, Executable: "/usr/bin/cat", ExecutableKind: fact.ExecutableFile, Name: "cat",
			Args: []string{"cat", ".aws/credentials"}, CommandLine: "cat .aws/credentials", WorkingDirectory: "/home/alice",
			Hash: &fact.Hash{SHA256: sampleSHA256}, HashStatus: fact.HashOK, Start: "2026-05-06T12:04:05.1Z",
			Parent:    &fact.Parent{PID: 4700, Name: "bash", Executable: "/usr/bin/bash"},
			Ancestors: []string{"/usr/sbin/sshd", "/usr/lib/systemd/systemd"},
		},
		User: &fact.User{ID: "33", Name: "www-data"},
	}
	if text != "" {
		f.Canary.Path, f.Canary.ID = text, text
		f.Process.Executable, f.Process.Name, f.Process.Args, f.Process.CommandLine = text, text, []string{text}, text
		f.Process.Parent.Executable, f.Process.Parent.Name, f.Process.Ancestors = text, text, []string{text}
		f.Process.WorkingDirectory, f.User.Name, f.Host.Name = text, text, text
	}
	return f
}

// Alert is the n-th sample alert, of that severity; text as in CanaryFact.
func Alert(n int, severity, text string) api.Alert {
	f := CanaryFact(n, text)
	a := api.Alert{
		ID: AlertID(n), Time: f.Time, Stored: f.Time.Add(7 * time.Millisecond), LatencyMS: 7.25,
		Rule: api.Rule{ID: "canary.read", Title: "Canary read", Version: "4c1f", Status: "stable", Severity: severity, Tags: []string{"attack.credential_access", "attack.t1552.001"},
			Author: "Ada Lovelace, Émilie du Châtelet", DerivedFrom: "d2d642d7-b393-43fe-bae4-e81ed5915c4b", References: []string{"https://attack.example/T1552/001/"},
			Source: &api.RuleSource{Name: "SigmaHQ", URL: "https://github.com/SigmaHQ/sigma", Licence: "DRL-1.1"}},
		Severity: severity, Score: 70, Message: "/usr/bin/cat read /home/alice/.aws/credentials as www-data",
		Host: f.Host, Facts: []jsontext.Value{Raw(f)},
		Values: map[string]string{`canary.action in ["open", "read"]`: "true", "process.executable": "/usr/bin/cat"},
		Count:  1, State: api.StateNew,
	}
	if text != "" {
		a.Message, a.Rule.Title, a.Error = text, text, text
		a.Values = map[string]string{text: text}
		a.Rule.Tags, a.Rule.References = []string{text}, []string{text}
		a.Rule.Author, a.Rule.DerivedFrom, a.Rule.Source = text, text, &api.RuleSource{Name: text, URL: text, Licence: text}
	}
	return a
}

// Raw is the fact as a host sends it.
func Raw(f *fact.Fact) jsontext.Value {
	data, err := f.Encode()
	if err != nil {
		panic(err) // a sample that is none
	}
	return data
}

// Stored is the fact as the hub keeps it.
func Stored(f *fact.Fact) api.StoredFact {
	return api.StoredFact{
		Received: f.Time.Add(5 * time.Millisecond), Fact: Raw(f),
		Batch: api.Batch{Session: "0123456789abcdef0123456789abcdef", Seq: 12, Digest: sampleSHA256},
	}
}

// Host is the n-th sample host; text as in CanaryFact.
func Host(n int, name, text string) api.Host {
	h := api.Host{
		ID: HostID(n), Name: name, State: api.HostEnrolled, Enrolled: Noon.Add(-72 * time.Hour), LastSeen: Noon.Add(10 * time.Second),
		Sensor: api.HostSensor{Version: "v0.1.0", SHA256: sampleSHA256}, PinnedSHA256: sampleSHA256, Kernel: "6.1.0-25-amd64",
		Facts: 18234, Alerts: 3, Machine: "5be1a7c0",
	}
	if text != "" {
		h.Name, h.Kernel, h.Sensor.Version = text, text, text
	}
	return h
}
