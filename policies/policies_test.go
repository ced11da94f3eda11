package policies_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/policies"
	"picket.internal/rules"
)

const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// A policy without on is for the rules that name it.
func TestAPolicyMayBeOnNothing(t *testing.T) {
	p, err := policies.Parse("x", []byte(strings.Replace(whole, "on: {rules: [canary.read]}\n", "", 1)+"limits: {keep: [role=db, role=web]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Limits.Kept([]string{"site=a", "role=web"}); !slices.Equal(got, []string{"role=web"}) {
		t.Errorf("it keeps %v", got)
	}
}

// Every shipped policy is about rules that are shipped, and does nothing: an
// operator turns it on.
func TestShippedPolicies(t *testing.T) {
	all, err := policies.Load(policies.FS())
	if err != nil {
		t.Fatal(err)
	}
	set, findings := rule.LoadFS(rules.FS())
	if set == nil {
		t.Fatal(findings)
	}
	known := map[string]bool{}
	for _, r := range set.Rules() {
		known[r.ID] = true
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
		if p.Mode != policies.DryRun || p.Description == "" {
			t.Errorf("%s has mode %s, description %q", p.Name, p.Mode, p.Description)
		}
		for _, a := range p.Actions {
			if a.Mode != policies.DryRun {
				t.Errorf("%s: %s has mode %s", p.Name, a.Name, a.Mode)
			}
		}
		for _, id := range p.On.Rules {
			if !known[id] {
				t.Errorf("%s is about the rule %s, which is not shipped", p.Name, id)
			}
		}
	}
	if diff := cmp.Diff([]string{"canary-touched", "integrity-mismatch", "ssh-key-added", "webshell-child"}, names); diff != "" {
		t.Error(diff)
	}
}

const whole = `name: x
title: X
on: {rules: [canary.read]}
mode: auto
actions: [{action: suspend_process}]
`

func TestWhatIsRefusedIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an unknown key":             {whole + "limit: {}\n", "line 6: unknown key limit"},
		"a key twice":                {whole + "name: y\n", "already defined"},
		"no document":                {"", "the document is empty"},
		"two documents":              {whole + "---\n" + whole, "a second document"},
		"an anchor":                  {strings.Replace(whole, "title: X", "title: &x X", 1), "line 2: no anchors"},
		"a tag":                      {strings.Replace(whole, "title: X", "title: !!str X", 1), "line 2: no anchors"},
		"a number for a word":        {strings.Replace(whole, "mode: auto", "mode: [1]", 1), "line 4: cannot unmarshal"},
		"a mode that is none":        {strings.Replace(whole, "mode: auto", "mode: maybe", 1), `mode: "maybe" is none of dry_run, ask, auto`},
		"everything":                 {strings.Replace(whole, "{rules: [canary.read]}", "{}", 1), "on: say rules, tags or severity"},
		"an action that is none":     {strings.Replace(whole, "suspend_process", "run_shell", 1), `actions[0].action: "run_shell" is none of isolate_network, kill_process`},
		"an action of people":        {strings.Replace(whole, "suspend_process", "release", 1), `"release" is none of`},
		"a lifetime without an end":  {strings.Replace(whole, "suspend_process", "kill_process, lifetime: 1h", 1), "kill_process does not end by itself"},
		"a lifetime in days":         {strings.Replace(whole, "suspend_process", "suspend_process, lifetime: 1d", 1), "write it as 30m or 2h"},
		"evidence of nothing":        {strings.Replace(whole, "suspend_process", "collect_evidence", 1), "actions[0]: eat.bad_param: what: nothing to collect"},
		"an internet kept open":      {strings.Replace(whole, "suspend_process", "isolate_network, allow: [0.0.0.0/0]", 1), "actions[0]: eat.bad_param: allow: malformed range 0.0.0.0/0"},
		"signatures without a wait":  {strings.Replace(whole, "suspend_process", "suspend_process, mode: auto, signatures: 1", 1), "nobody signs what is done at once"},
		"a target of another action": {strings.Replace(whole, "suspend_process", "suspend_process, target: file", 1), `"file" is none of process`},
		"a label to keep twice":      {whole + "limits: {keep: [a, a]}\n", `limits.keep: "a" twice`},
		"hours that are none":        {whole + "limits: {hours: 25:00-26:00}\n", "write it as 08:00-18:00, UTC"},
		"a share that is none":       {whole + "limits: {share: 101}\n", "limits.share: 101 is no percentage"},
		"too much":                   {"# " + strings.Repeat("x", policies.MaxDocument), "bytes where"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := policies.Parse("x.yaml", []byte(c.text))
			if p != nil || err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), `malformed policy "x.yaml": `) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// The policy's mode is the ceiling of its actions', so that one word makes all
// of it a dry run.
func TestThePolicysModeIsTheCeiling(t *testing.T) {
	for _, c := range []struct{ policy, action, want string }{
		{"dry_run", "auto", "dry_run"}, {"ask", "auto", "ask"}, {"auto", "ask", "ask"}, {"auto", "dry_run", "dry_run"}, {"auto", "auto", "auto"}, {"dry_run", "ask", "dry_run"},
	} {
		text := strings.NewReplacer("mode: auto", "mode: "+c.policy, "suspend_process", "suspend_process, mode: "+c.action).Replace(whole)
		p, err := policies.Parse("x", []byte(text))
		if err != nil || p.Actions[0].Mode != c.want {
			t.Errorf("%s in %s: %+v, %v", c.action, c.policy, p, err)
		}
	}
}

func TestNamesAreUsedOnce(t *testing.T) {
	_, err := policies.Load(fstest.MapFS{"a.yaml": {Data: []byte(whole)}, "b/b.yml": {Data: []byte(whole)}, "c.txt": {Data: []byte("x")}})
	if err == nil || !strings.Contains(err.Error(), `"x" is the name of "a.yaml" already`) {
		t.Error(err)
	}
}

func TestMatches(t *testing.T) {
	alert := api.Alert{Severity: "high", Rule: api.Rule{ID: "canary.read", Tags: []string{"attack.t1552.001"}}}
	shadow := alert
	shadow.Shadow = true
	naming := alert
	naming.Rule.Response = []string{"other", "mine"}
	shadowNaming := naming
	shadowNaming.Shadow = true
	for name, c := range map[string]struct {
		on    policies.On
		alert *api.Alert
		want  bool
	}{
		"its rule":              {policies.On{Rules: []string{"a.b", "canary.read"}}, &alert, true},
		"another rule":          {policies.On{Rules: []string{"canary.open"}}, &alert, false},
		"its tag":               {policies.On{Tags: []string{"attack.t1552.001"}}, &alert, true},
		"its rule, not the tag": {policies.On{Rules: []string{"canary.read"}, Tags: []string{"attack.t1"}}, &alert, false},
		"severe enough":         {policies.On{Severity: "medium"}, &alert, true},
		"not severe enough":     {policies.On{Severity: "critical"}, &alert, false},
		"a rule on trial":       {policies.On{Rules: []string{"canary.read"}}, &shadow, false},
		"on nothing":            {policies.On{}, &alert, false},
		"named by the rule":     {policies.On{}, &naming, true},
		"named, on others":      {policies.On{Rules: []string{"canary.open"}}, &naming, true},
		"named by one on trial": {policies.On{}, &shadowNaming, false},
	} {
		if got := (&policies.Policy{Name: "mine", On: c.on}).Matches(c.alert); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct{ fleet, share, want int }{{1, 10, 1}, {19, 10, 1}, {30, 10, 3}, {1000, 10, 5}, {1000, 0, 5}} {
		if got := (policies.Limits{HostsPerHour: 5, Share: c.share}).Hosts(c.fleet); got != c.want {
			t.Errorf("%d %% of %d hosts: %d, want %d", c.share, c.fleet, got, c.want)
		}
	}
	if l := (policies.Limits{HostsPerHour: 0, Share: 50}); l.Hosts(100) != 0 {
		t.Error("none is none")
	}
	at := func(hour int) time.Time { return time.Date(2026, 5, 1, hour, 30, 0, 0, time.UTC) }
	day, night := policies.Limits{From: 8 * time.Hour, To: 18 * time.Hour}, policies.Limits{From: 22 * time.Hour, To: 6 * time.Hour}
	for hour, want := range map[int][2]bool{3: {false, true}, 8: {true, false}, 18: {false, false}, 23: {false, true}} {
		if got := [2]bool{day.Within(at(hour)), night.Within(at(hour))}; got != want {
			t.Errorf("at %d:30 UTC: %v, want %v", hour, got, want)
		}
	}
	l := policies.Limits{NeverHosts: []string{"db1", "h_x"}, NeverLabels: []string{"role=db"}}
	if !l.Never("h_x", "web", nil) || !l.Never("h_y", "db1", nil) || !l.Never("h_y", "web", []string{"a", "role=db"}) || l.Never("h_y", "web", []string{"a"}) {
		t.Error("never is not never")
	}
}

// What an action is aimed at is in the fact, all of it, or it is not aimed.
func TestArguments(t *testing.T) {
	f := &fact.Fact{
		Process: &fact.Process{PID: 4711, StartTicks: 99, Executable: "/tmp/x", ExecutableKind: "file", Hash: &fact.Hash{SHA256: hash}},
		File:    &fact.File{Path: "/srv/a\ufffd", PathB64: "L3Nydi9h/w==", Hash: &fact.Hash{SHA256: hash}},
		User:    &fact.User{Name: "www-data"},
		SSHKey:  &fact.SSHKey{Use: "authorized", Account: "root", Fingerprint: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"},
		Service: &fact.Service{Name: "cron.service"},
		Login:   &fact.Login{SourceIP: "::ffff:192.0.2.7"},
	}
	for name, c := range map[string]struct {
		action string
		want   string // what signing it means
		spoil  func(f *fact.Fact)
		lacks  string
	}{
		"a process":          {"suspend_process, tree: true", "Suspend process 4711 and all its descendants, if it started at tick 99", func(f *fact.Fact) { f.Process.StartTicks = 0 }, "process.start_ticks"},
		"a hash":             {"kill_process", "Kill process 4711, if", func(f *fact.Fact) { f.Process.Hash = nil }, "process.hash.sha256"},
		"a file":             {"quarantine_file", `Take the file "/srv/a\xff" out of reach`, func(f *fact.Fact) { f.File.Hash = nil }, "file with a hash"},
		"a program":          {"quarantine_file, target: process.executable", `Take the file "/tmp/x"`, func(f *fact.Fact) { f.Process.ExecutableKind = "memfd" }, "process.executable with a path"},
		"an account":         {"disable_user, end_sessions: true", `"www-data" from logging in, and end its sessions`, func(f *fact.Fact) { f.User = nil }, "user.name"},
		"a key":              {"revoke_ssh_key", `out of the authorized_keys of "root"`, func(f *fact.Fact) { f.SSHKey.Account = "" }, "the account that the key lets in"},
		"a key of the host":  {"revoke_ssh_key, all_users: true", "of every account", func(f *fact.Fact) { f.SSHKey.Use = "host" }, "ssh_key that lets somebody in"},
		"a service":          {"stop_service", `Stop the service "cron.service"`, func(f *fact.Fact) { f.Service = nil }, "service.name"},
		"an address":         {"block_address", "192.0.2.7/32", func(f *fact.Fact) { f.Login.SourceIP = "web1" }, "login.source_ip that is an address"},
		"a host as a whole":  {"isolate_network, allow: [10.0.0.0/8]", "10.0.0.0/8", nil, ""},
		"evidence of a host": {"collect_evidence, what: [processes, sockets]", "Copy to the hub: processes, sockets", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := policies.Parse("x", []byte(strings.Replace(whole, "suspend_process", c.action, 1)))
			if err != nil {
				t.Fatal(err)
			}
			args, err := p.Actions[0].Args(f)
			if err != nil {
				t.Fatal(err)
			}
			if words := strings.Join(eat.Words(eat.Token{Args: args}), "\n"); !strings.Contains(words, c.want) {
				t.Errorf("it means\n%s\nwant %q", words, c.want)
			}
			if c.spoil == nil {
				return
			}
			g := clone(t, f)
			c.spoil(g)
			if args, err := p.Actions[0].Args(g); !errors.Is(err, policies.ErrMissing) || !strings.Contains(err.Error(), c.lacks) || args != nil {
				t.Errorf("of less: %v, %v; want %q", args, err, c.lacks)
			}
		})
	}
}

func clone(t *testing.T, f *fact.Fact) *fact.Fact {
	t.Helper()
	out := *f
	process, file, key, login := *f.Process, *f.File, *f.SSHKey, *f.Login
	out.Process, out.File, out.SSHKey, out.Login = &process, &file, &key, &login
	return &out
}
