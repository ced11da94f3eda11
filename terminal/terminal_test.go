package terminal_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/terminal"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	zone = time.FixedZone("CEST", 2*60*60)
	noon = time.Date(2026, 5, 6, 13, 4, 5, 123456000, time.UTC)
)

const sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// options print to a terminal of 100 columns, an hour after noon.
func options(out *bytes.Buffer) terminal.Options {
	return terminal.Options{Out: out, Err: out, Width: 100, Home: "/home/alice", Zone: zone,
		Now: func() time.Time { return noon.Add(time.Hour) }}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: -want +got (-update writes it anew)\n%s", name, diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func seq[Row any](rows ...Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func raw(t *testing.T, f *fact.Fact) jsontext.Value {
	t.Helper()
	data, err := f.Encode()
	must(t, err)
	return data
}

// canaryFact is cat, run by www-data, reading a canary.
func canaryFact() *fact.Fact {
	return &fact.Fact{
		ID: "01JTHXFZ000000000000000001", Time: noon, Kind: fact.KindCanary, Host: fact.Host{ID: "h_aaaaaaaaaaaaaaaaaaaaaaaaaa", Name: "web1"}, Seq: 1,
		Canary: &fact.Canary{Action: fact.CanaryRead, ID: "aws-credentials", Path: "/home/alice/.aws/credentials", Attribution: fact.AttributionProc},
		Process: &fact.Process{PID: 4711, Executable: "/usr/bin/cat", Hash: &fact.Hash{SHA256: sum}, HashStatus: fact.HashOK,
			CommandLine: "cat .aws/credentials", WorkingDirectory: "/home/alice", Start: "2026-05-06T13:04:05.1Z",
			Parent: &fact.Parent{PID: 4700, Name: "bash", Executable: "/usr/bin/bash"}, Ancestors: []string{"/usr/sbin/sshd"}},
		User: &fact.User{ID: "33", Name: "www-data"},
	}
}

func alertOf(t *testing.T, severity, rule, title, message string, f *fact.Fact) api.Alert {
	return api.Alert{ID: "01JTHXG0000000000000000001", Time: f.Time, Stored: f.Time.Add(7250 * time.Microsecond), LatencyMS: 7.25,
		Rule: api.Rule{ID: rule, Title: title, Version: "4c1f", Status: "stable", Severity: severity, Tags: []string{"attack.t1552.001"},
			Author: "Ömer Günal, oscd.community", DerivedFrom: "d2d642d7-b393-43fe-bae4-e81ed5915c4b", References: []string{"https://attack.example/T1552/001/"},
			Source: &api.RuleSource{Name: "SigmaHQ", URL: "https://github.com/SigmaHQ/sigma", Licence: "DRL-1.1"}}, Severity: severity,
		Message: message, Host: f.Host, Facts: []jsontext.Value{raw(t, f)}, Count: 1, State: api.StateNew,
		Values: map[string]string{"process.executable": "/usr/bin/cat", `canary.action in ["open", "read"]`: "true"}}
}

// samples are alerts of every shape that a person may meet.
func samples(t *testing.T) []api.Alert {
	canary := alertOf(t, "high", "canary.read", "Canary read", "/usr/bin/cat read /home/alice/.aws/credentials as www-data", canaryFact())

	unknown := canaryFact()
	unknown.Process, unknown.User, unknown.Canary.Attribution = nil, nil, fact.AttributionNone
	unknown.Canary.Action = fact.CanaryDelete
	gone := alertOf(t, "critical", "canary.delete", "Canary deleted", "", unknown)
	gone.Count, gone.Last = 3, noon.Add(time.Minute)

	memfd := canaryFact()
	memfd.Kind, memfd.Canary = fact.KindProcess, nil
	memfd.Process.Executable, memfd.Process.ExecutableKind = "/memfd:x", fact.ExecutableMemfd
	memfd.Process.Hash, memfd.Process.HashStatus = nil, fact.HashGone
	inMemory := alertOf(t, "medium", "process.memfd", "A program runs from memory", "", memfd)
	inMemory.Values["prevalence.first_in_fleet"] = "true"

	deep := canaryFact()
	deep.Host.Name = "database-with-a-long-name-7.example"
	deep.Canary.Path = "/srv/backup/2026/05/06/nightly/customers-and-their-orders-of-all-countries.sql"
	deep.Process.Executable = "/opt/vendor/product/releases/2026.05.06-1/libexec/collector/bin/gatherer"
	deep.Process.Ancestors = []string{"/usr/bin/python3.11", "/usr/bin/dash", "/usr/sbin/cron", "/usr/lib/systemd/systemd"}
	long := alertOf(t, "low", "canary.read_by_a_service_of_its_own", "Canary read", "", deep)
	long.Time = noon.AddDate(0, 0, -3)

	integrity := &fact.Fact{ID: "01JTHXFZ000000000000000002", Time: noon, Kind: fact.KindIntegrity, Host: canary.Host,
		Integrity: &fact.Integrity{Action: fact.IntegrityMismatch, Subject: fact.SubjectDisk, Path: "/usr/libexec/picket/picket-sensor",
			Expected: &fact.Hash{SHA256: sum}, Observed: &fact.Hash{SHA256: strings.Repeat("ab", 32)}}}
	changed := alertOf(t, "critical", "sensor.integrity", "The sensor's binary changed", "", integrity)

	silence := &fact.Fact{ID: "01JTHXFZ000000000000000003", Time: noon, Kind: fact.KindFleet, Host: canary.Host,
		Fleet: &fact.Fleet{Action: fact.FleetSilent, SilentFor: 31.2}}
	silent := alertOf(t, "info", "sensor.silent", "A host fell silent", "web1 has said nothing for 31 s", silence)
	silent.Shadow = true
	return []api.Alert{canary, gone, inMemory, changed, silent, long}
}

func TestAlertsAt100Columns(t *testing.T) {
	var out bytes.Buffer
	n, err := terminal.New(options(&out)).Alerts(seq(samples(t)...))
	must(t, err)
	golden(t, "alerts", out.Bytes())
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if n != len(samples(t)) || len(lines) != 2*n+1 { // one of them has happened again
		t.Errorf("%d alerts on %d lines", n, len(lines))
	}
	for _, line := range lines {
		if runes := len([]rune(line)); runes > 100 {
			t.Errorf("%d columns: %s", runes, line)
		}
	}
}

func TestFollowedAlerts(t *testing.T) {
	var out bytes.Buffer
	o := options(&out)
	o.Color = true
	p := terminal.New(o)
	for _, a := range samples(t)[:4] {
		must(t, p.Alert(&a))
	}
	a := samples(t)[0]
	must(t, p.AlertAfter(&a, 41250*time.Microsecond))
	golden(t, "follow-color", out.Bytes())
}

// A pipe has no width: nothing may be cut.
func TestPipeCutsNothing(t *testing.T) {
	var out bytes.Buffer
	o := options(&out)
	o.Width = 0
	_, err := terminal.New(o).Alerts(seq(samples(t)...))
	must(t, err)
	golden(t, "alerts-pipe", out.Bytes())
	if strings.Contains(strings.ReplaceAll(out.String(), "9f86d0…", ""), "…/") || !strings.Contains(out.String(), "customers-and-their-orders-of-all-countries.sql") {
		t.Error("something was cut")
	}
}

func TestShowAlert(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(options(&out))
	for _, a := range samples(t)[:2] {
		must(t, p.ShowAlert(&a))
	}
	golden(t, "show", out.Bytes())
}

func TestHostsAndFacts(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(options(&out))
	now := noon.Add(time.Hour)
	host := api.Host{ID: "h_aaaaaaaaaaaaaaaaaaaaaaaaaa", Name: "web1", State: api.HostEnrolled, LastSeen: now.Add(-4 * time.Second),
		Sensor: api.HostSensor{Version: "v0.1.0", SHA256: sum}, PinnedSHA256: sum, Facts: 1234567, Alerts: 12}
	silent, pending, changed, suspect, disabled := host, host, host, host, host
	silent.Silent, silent.LastSeen, silent.Name = true, now.Add(-3*time.Hour), "database-with-a-long-name-7.example"
	pending.State, pending.LastSeen, pending.Sensor = api.HostPending, time.Time{}, api.HostSensor{}
	changed.PinnedSHA256, changed.LastSeen = strings.Repeat("0", 64), now.Add(-5*time.Minute)
	suspect.State, suspect.Dropped = api.HostSuspect, 4711
	disabled.State, disabled.LastSeen = api.HostDisabled, now.AddDate(0, 0, -9)
	n, err := p.Hosts(seq(host, silent, pending, changed, suspect, disabled))
	if err != nil || n != 6 {
		t.Errorf("%d hosts, %v", n, err)
	}
	out.WriteString("\n")
	var facts []api.StoredFact
	for _, a := range samples(t) {
		facts = append(facts, api.StoredFact{Received: noon, Fact: a.Facts[0]})
	}
	facts = append(facts, api.StoredFact{Received: noon, Fact: jsontext.Value(`{"kind":1}`)})
	n, err = p.Facts(seq(facts...))
	if err != nil || n != len(facts) {
		t.Errorf("%d facts, %v", n, err)
	}
	golden(t, "hosts-and-facts", out.Bytes())
}

func TestUp(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(options(&out))
	h := terminal.Header{Host: "web1", User: "alice", Watching: []string{"212 processes", "3 canaries", "the sensor's own binary", "load"}, Rules: 14,
		UI: "http://127.0.0.1:39211/?key=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789", Touch: "/home/alice/.local/state/picket/canaries/.aws/credentials"}
	must(t, p.Up(h))
	h.Limits = []string{"142 of 305 processes cannot be read whole without root", "who touches a canary is only known while the file is held open"}
	h.Touch = "/srv/it's here/x"
	must(t, p.Up(h))
	golden(t, "up", out.Bytes())
	if lines := strings.Count(out.String(), "\n"); lines != 8 {
		t.Errorf("two headers on %d lines", lines)
	}
}

type advised struct{ error }

func (advised) Advice() string { return "start it with `make up`" }

func TestErrors(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(options(&out))
	p.Error(errors.New("opening \"x\x1b[2J\n\": no such file"))
	p.Error(fmt.Errorf("listing alerts: %w", advised{errors.New("no hub is running there")}))
	p.Error(errors.Join(errors.New("one"), advised{errors.New("two")}))
	p.Note("waiting for %s", "web1\x1b[2J\r\n")
	golden(t, "errors", out.Bytes())
}

func TestListEndsInItsError(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(options(&out))
	broken := errors.New("the stream broke")
	n, err := p.Alerts(func(yield func(api.Alert, error) bool) {
		_ = yield(samples(t)[0], nil) && yield(api.Alert{}, broken)
	})
	if n != 1 || !errors.Is(err, broken) || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%d alerts, %v, printed %q", n, err, out.String())
	}
}

func TestDetectIsPlainOffATerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	must(t, err)
	defer f.Close()
	o := terminal.Detect(f, new(bytes.Buffer), func(name string) string { return map[string]string{"HOME": "/home/alice"}[name] })
	if o.Color || o.Width != 0 || o.Live || o.Home != "/home/alice" {
		t.Errorf("%+v", o)
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	o := options(&out)
	now := noon
	o.Now, o.Live = func() time.Time { return now }, true
	p := terminal.New(o)
	g := p.Progress("sending", "facts", 10000)
	now = now.Add(time.Second)
	g.Add(1000)
	if out.Len() != 0 {
		t.Errorf("speaks after one second: %q", out.String())
	}
	now = now.Add(2 * time.Second)
	g.Add(2000)
	g.End()
	const want = "\rsending: 3 000 of 10 000 facts, 30 %, 1 000/s, 7s left"
	if got := out.String(); !strings.HasPrefix(got, want+"\r") || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("%q", got)
	}
	out.Reset()
	o.Live = false
	g = terminal.New(o).Progress("sending", "facts", 0)
	now = now.Add(time.Hour)
	g.Add(1)
	g.End()
	if out.Len() != 0 {
		t.Errorf("speaks off a terminal: %q", out.String())
	}
}

// A rule over several facts shows what it counted, and a risk what it is made of.
func TestShowWindow(t *testing.T) {
	var out bytes.Buffer
	a := samples(t)[0]
	a.Window = &api.Window{Count: 3, Value: 160.25, Since: noon.Add(-time.Minute), Rules: []string{"canary.read", "canary.move"},
		Group: map[string]string{"user.name": "\x1b[31mroot", "host.id": "h_1"}}
	a.Parts = []api.Part{{Alert: "01JTHXG0000000000000000007", Rule: "canary.read", Score: 70}, {Rule: "canary.move", Score: 34.5}}
	must(t, terminal.New(options(&out)).ShowAlert(&a))
	golden(t, "show-window", out.Bytes())
}
