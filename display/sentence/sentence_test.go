package sentence_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/display"
	"picket.internal/display/sentence"
	"picket.internal/fact"
)

func cat() *fact.Process {
	return &fact.Process{PID: 4711, Executable: "/usr/bin/cat", Action: fact.ProcessExec, Hash: &fact.Hash{SHA256: "9f86d081884c7d65"},
		Parent: &fact.Parent{Executable: "/usr/bin/bash"}, Ancestors: []string{"/usr/sbin/sshd"}}
}

func canary(action string) *fact.Canary {
	return &fact.Canary{Action: action, ID: "aws", Path: "/root/.aws/credentials"}
}

func TestAlert(t *testing.T) {
	user := &fact.User{ID: "33", Name: "www-data"}
	orphan := cat()
	orphan.Parent = nil
	for _, tc := range []struct {
		fact    fact.Fact
		message string
		want    string
	}{
		{fact.Fact{Kind: fact.KindCanary, Canary: canary("read"), Process: cat(), User: user}, "ignored",
			"cat, run by www-data and started by bash, read the canary 'aws' (/root/.aws/credentials) on web1"},
		{fact.Fact{Kind: fact.KindCanary, Canary: canary("modify"), Process: orphan, User: &fact.User{ID: "0"}}, "",
			"cat, run by uid 0, wrote to the canary 'aws' (/root/.aws/credentials) on web1"},
		{fact.Fact{Kind: fact.KindCanary, Canary: canary("open"), Process: orphan}, "",
			"cat opened the canary 'aws' (/root/.aws/credentials) on web1"},
		{fact.Fact{Kind: fact.KindCanary, Canary: canary("swallow")}, "",
			"A process that is not known touched the canary 'aws' (/root/.aws/credentials) on web1"},
		{fact.Fact{Kind: fact.KindProcess, Process: cat()}, "cat runs from nowhere.", "cat runs from nowhere, on web1"},
		{fact.Fact{Kind: fact.KindProcess, Process: cat()}, "", "Odd: /usr/bin/cat, on web1"},
		{fact.Fact{}, "", "Odd, on web1"},
	} {
		a := api.Alert{Rule: api.Rule{ID: "x", Title: "Odd."}, Message: tc.message, Host: fact.Host{ID: "h_1", Name: "web1"}}
		if diff := cmp.Diff(tc.want, sentence.Alert(&a, &tc.fact)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

// Every kind of fact has words, and so has one that nobody has heard of.
func TestFact(t *testing.T) {
	sum := &fact.Hash{SHA256: "9f86d081884c7d659a2f"}
	for want, f := range map[string]fact.Fact{
		"exec /usr/bin/cat (pid 4711) ← bash ← sshd":                           {Kind: fact.KindProcess, Process: cat()},
		"read /root/.aws/credentials by /usr/bin/cat (pid 4711) ← bash ← sshd": {Kind: fact.KindCanary, Canary: canary("read"), Process: cat()},
		"seen /bin/x ← ? ← init":                                               {Kind: fact.KindProcess, Process: &fact.Process{Action: "seen", Executable: "/bin/x", Ancestors: []string{"", "/sbin/init"}}},
		"seen /bin/x ← ?×2 ← sh ← ?":                                           {Kind: fact.KindProcess, Process: &fact.Process{Action: "seen", Executable: "/bin/x", Ancestors: []string{"", "", "/bin/sh", ""}}},
		"read /root/.aws/credentials by a process that is not known":           {Kind: fact.KindCanary, Canary: canary("read")},
		"/usr/bin/picket-sensor v1 9f86d081884c…":                              {Kind: fact.KindBinary, Binary: &fact.Binary{Path: "/usr/bin/picket-sensor", Version: "v1", Hash: sum}},
		"mismatch /bin/s disk expected 9f86d081884c… observed unreadable":      {Kind: fact.KindIntegrity, Integrity: &fact.Integrity{Action: "mismatch", Path: "/bin/s", Subject: "disk", Expected: sum, Error: "unreadable"}},
		"mismatch attestation attest.running: x":                               {Kind: fact.KindIntegrity, Integrity: &fact.Integrity{Action: "mismatch", Subject: "attestation", Observed: sum, Detail: "attest.running: x"}},
		"changed nginx 1.3 (was 1.2)":                                          {Kind: fact.KindPackage, Package: &fact.Package{Action: "changed", Name: "nginx", Version: "1.3", PreviousVersion: "1.2"}},
		"changed ssh.service failed (was active)":                              {Kind: fact.KindService, Service: &fact.Service{Action: "changed", Name: "ssh.service", State: "failed", PreviousState: "active"}},
		"added tcp 0.0.0.0 port 22":                                            {Kind: fact.KindListener, Listener: &fact.Listener{Action: "added", Transport: "tcp", Address: "0.0.0.0", Port: 22}},
		"added eve /bin/sh":                                                    {Kind: fact.KindUser, User: &fact.User{Action: "added", Name: "eve", Shell: "/bin/sh"}},
		"removed wheel":                                                        {Kind: fact.KindGroup, Group: &fact.Group{Action: "removed", Name: "wheel"}},
		"added SHA256:x /root/.ssh/authorized_keys":                            {Kind: fact.KindSSHKey, SSHKey: &fact.SSHKey{Action: "added", Fingerprint: "SHA256:x", Path: "/root/.ssh/authorized_keys"}},
		"added /mnt ext4 /dev/sda1":                                            {Kind: fact.KindMount, Mount: &fact.Mount{Action: "added", Path: "/mnt", Type: "ext4", Source: "/dev/sda1"}},
		"added nf_tables":                                                      {Kind: fact.KindModule, Module: &fact.Module{Action: "added", Name: "nf_tables"}},
		"changed backup @daily /bin/b (was @hourly)":                           {Kind: fact.KindSchedule, Schedule: &fact.Schedule{Action: "changed", Name: "backup", When: "@daily", Command: "/bin/b", PreviousWhen: "@hourly"}},
		"added alice success publickey 10.0.4.7":                               {Kind: fact.KindLogin, User: &fact.User{Name: "alice"}, Login: &fact.Login{Action: "added", Outcome: "success", Method: "publickey", SourceIP: "10.0.4.7"}},
		"changed eve 0 /bin/sh (was 1001)":                                     {Kind: fact.KindUser, User: &fact.User{Action: "changed", Name: "eve", ID: "0", Shell: "/bin/sh", Before: &fact.UserState{ID: "1001", Shell: "/bin/sh"}}},
		"changed sudo alice,eve (was alice)":                                   {Kind: fact.KindGroup, Group: &fact.Group{Action: "changed", Name: "sudo", Members: []string{"alice", "eve"}, PreviousMembers: []string{"alice"}}},
		"added %sudo ALL=(ALL) NOPASSWD: ALL in /etc/sudoers":                  {Kind: fact.KindSudoers, Sudoers: &fact.Sudoers{Action: "added", Path: "/etc/sudoers", Type: "rule", Text: "%sudo ALL=(ALL) NOPASSWD: ALL"}},
		"changed /etc/x mode 0644 (was mode 0600)":                             {Kind: fact.KindFile, File: &fact.File{Action: "changed", Path: "/etc/x", Mode: "0644", Before: &fact.FileState{Mode: "0600"}}},
		"changed tcp :: port 80 nc (was nginx)":                                {Kind: fact.KindListener, Listener: &fact.Listener{Action: "changed", Transport: "tcp", Address: "::", Port: 80, Executable: "nc", PreviousExecutable: "nginx"}},
		"package 7 9f86d081884c… 2 omitted: cut":                               {Kind: fact.KindSnapshot, Snapshot: &fact.Snapshot{Of: fact.KindPackage, Count: 7, Digest: sum.SHA256, Omitted: 2, Reason: "cut"}},
		"package 3 gone":                                                       {Kind: fact.KindSnapshot, Snapshot: &fact.Snapshot{Of: fact.KindPackage, Gone: []string{"a", "b", "c"}}},
		"package 412 9f86d081884c…":                                            {Kind: fact.KindSnapshot, Snapshot: &fact.Snapshot{Of: fact.KindPackage, Count: 412, Digest: sum.SHA256}},
		"cpu 12 %, memory 40 %, load 0.50, 7 processes":                        {Kind: fact.KindMetric, Metric: &fact.Metric{CPU: &fact.CPU{Busy: 0.12}, Memory: &fact.Memory{Total: 10, Available: 6}, Load: &fact.Load{One: 0.5}, Processes: 7}},
		"loss canary inotify_overflow ×3: too many":                            {Kind: fact.KindSensor, Sensor: &fact.Sensor{Action: "loss", Source: "canary", Cause: "inotify_overflow", Count: 3, Reason: "too many"}},
		"resource, 12.0 MB, cpu 0.20 %":                                        {Kind: fact.KindSensor, Sensor: &fact.Sensor{Action: "resource", RSS: 12_000_000, CPU: 0.002}},
		"refused kill_process eat.expired":                                     {Kind: fact.KindReceipt, Receipt: &fact.Receipt{Action: "refused", TokenAction: "kill_process", ErrorID: "eat.expired"}},
		"silent nothing heard for 31s":                                         {Kind: fact.KindFleet, Fleet: &fact.Fleet{Action: "silent", SilentFor: 31}},
		"gap batches 3 to 4":                                                   {Kind: fact.KindFleet, Fleet: &fact.Fleet{Action: "gap", Reason: "batches 3 to 4"}},
		"a kind of fact that this program does not know":                       {Kind: "from_the_future"},
	} {
		if diff := cmp.Diff(want, sentence.Fact(&f)); diff != "" {
			t.Errorf("%s: -want +got\n%s", f.Kind, diff)
		}
	}
}

// Whatever a host writes into an inventory, what is shown of it after display
// is one line, and every fact of an inventory is told with what it is about.
func TestInventoryOfAHostileHost(t *testing.T) {
	const evil = "a\nb\x1b[31m\u202e\x00"
	for _, f := range []fact.Fact{
		{Kind: fact.KindPackage, Package: &fact.Package{Action: evil, Name: evil, Version: evil, PreviousVersion: evil, Architecture: evil}},
		{Kind: fact.KindService, Service: &fact.Service{Action: evil, Name: evil, State: evil, Enabled: evil, Executable: evil, PreviousState: evil}},
		{Kind: fact.KindListener, Listener: &fact.Listener{Action: evil, Transport: evil, Address: evil, Executable: evil, PreviousExecutable: evil}},
		{Kind: fact.KindUser, User: &fact.User{Action: evil, Name: evil, ID: evil, Shell: evil, Before: &fact.UserState{ID: "1", Shell: "x"}}},
		{Kind: fact.KindGroup, Group: &fact.Group{Action: evil, Name: evil, Members: []string{evil}, PreviousMembers: []string{evil}}},
		{Kind: fact.KindSSHKey, SSHKey: &fact.SSHKey{Action: evil, Fingerprint: evil, Path: evil, Account: evil, Comment: evil, Options: []string{evil}}},
		{Kind: fact.KindMount, Mount: &fact.Mount{Action: evil, Path: evil, Type: evil, Source: evil, Options: []string{evil}, PreviousOptions: []string{evil}}},
		{Kind: fact.KindModule, Module: &fact.Module{Action: evil, Name: evil, Taints: evil}},
		{Kind: fact.KindSchedule, Schedule: &fact.Schedule{Action: evil, Name: evil, When: evil, Command: evil, Path: evil}},
		{Kind: fact.KindSudoers, Sudoers: &fact.Sudoers{Action: evil, Path: evil, Text: evil}},
		{Kind: fact.KindFile, File: &fact.File{Action: evil, Path: evil, Mode: evil, Before: &fact.FileState{Mode: "1", UID: evil}}},
		{Kind: fact.KindLogin, User: &fact.User{Name: evil}, Login: &fact.Login{Action: evil, Outcome: evil, SourceIP: evil, Service: evil}},
		{Kind: fact.KindSnapshot, Snapshot: &fact.Snapshot{Action: evil, Of: evil, Digest: evil, Reason: evil, Omitted: 1}},
	} {
		said := sentence.Fact(&f)
		if strings.Count(said, "b\x1b") < 2 {
			t.Errorf("%s: hardly anything is said: %q", f.Kind, said)
		}
		if line := display.Line(said); strings.ContainsAny(line, "\n\x1b\x00\u202e") {
			t.Errorf("%s: shown as %q", f.Kind, line)
		}
		if sentence.Subject(&f) == "" {
			t.Errorf("%s: without a subject", f.Kind)
		}
	}
}

// Names that are not UTF-8 are shown by their bytes, unless the twin field is
// none of theirs.
func TestExactNames(t *testing.T) {
	for want, p := range map[string]fact.Process{
		"/tmp/\xff":   {Executable: "/tmp/\ufffd", ExecutableB64: "L3RtcC//"},
		"/tmp/\ufffd": {Executable: "/tmp/\ufffd", ExecutableB64: "L3RtcC9h"},
		"/bin/sh":     {Executable: "/bin/sh", ExecutableB64: "L3RtcC//"},
		"/bin/cat":    {Executable: "/bin/cat", ExecutableB64: "!"},
		"kworker":     {Name: "kworker"},
	} {
		if got := sentence.Executable(&p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	a := api.Alert{Values: map[string]string{"prevalence.first_in_fleet": "true"}}
	for _, tc := range []struct {
		process fact.Process
		want    []string
	}{
		{*cat(), []string{"first in the fleet"}},
		{fact.Process{ExecutableKind: fact.ExecutableMemfd, Deleted: true, HashStatus: fact.HashUnreadable}, []string{"runs from memory only", "first in the fleet", "not hashed: the sensor may not read it"}},
		{fact.Process{Deleted: true, ContainerID: "c", Hash: &fact.Hash{SHA256: "x"}}, []string{"its file is deleted", "first in the fleet", "in a container"}},
		{fact.Process{}, []string{"first in the fleet", "hash not known"}},
	} {
		if diff := cmp.Diff(tc.want, sentence.Verdicts(&a, &fact.Fact{Process: &tc.process})); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	if sentence.Verdicts(&a, &fact.Fact{}) != nil {
		t.Error("no process has verdicts")
	}
}

// A fact that cannot be parsed leaves the others readable.
func TestFactsOfAnAlert(t *testing.T) {
	good := jsontext.Value(`{"host":{"id":"h"},"id":"01JTHXFZ000000000000000001","kind":"canary","time":"2026-05-06T07:08:09Z"}`)
	a := api.Alert{Facts: []jsontext.Value{jsontext.Value(`{"kind":1}`), good}}
	if facts := sentence.Facts(&a); len(facts) != 1 || facts[0].Kind != fact.KindCanary {
		t.Errorf("%v", facts)
	}
	if f := sentence.First(&api.Alert{}); f == nil || f.Kind != "" {
		t.Errorf("%v", f)
	}
}
