package rulegen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"picket.internal/fact"
)

// vocabulary are words that fields of facts are limited to: what a rule
// compares an action with is no name that could be another.
var vocabulary = func() map[string]bool {
	set := wordSet("deleted memfd kernel unreadable connector scan inline unknown ok modified unowned too_large gone deferred none timeout audit fanotify tcp udp ipv4 ipv6 deb rpm apk active failed enabled masked password publickey critical metric dir symlink")
	for _, k := range fact.Kinds() {
		set[string(k.Kind)] = true
		for _, a := range k.Actions {
			set[a] = true
		}
	}
	return set
}()

// Ordinary makes n facts of eight kinds as the hosts of a fleet send them, most
// of them about processes.
func Ordinary(seed uint64, n int) []*fact.Fact {
	r := rand.New(rand.NewPCG(seed, seed))
	out := make([]*fact.Fact, n)
	for i := range out {
		f := &fact.Fact{
			ID: fmt.Sprintf("01J%023d", i), Seq: uint64(i), Time: time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC),
			Host: fact.Host{ID: fmt.Sprintf("h_%d", r.IntN(50)), Name: fmt.Sprintf("web-%d", r.IntN(50))},
		}
		kind := min(r.IntN(20), len(ordinary)-1)
		if kind == 0 && r.IntN(10) > 0 { // canaries are rarely touched
			kind = len(ordinary) - 1
		}
		ordinary[kind](r, f)
		out[i] = f
	}
	return out
}

// ordinary are makers of facts by kind; the last is by far the most common.
var ordinary = []func(*rand.Rand, *fact.Fact){
	func(r *rand.Rand, f *fact.Fact) {
		f.Kind, f.Canary = fact.KindCanary, &fact.Canary{Action: pick(r, []string{"open", "read", "attrib"}), ID: "aws", Path: "/root/.aws/credentials", Attribution: "audit"}
		f.Process, f.User = process(r), user(r)
	},
	func(r *rand.Rand, f *fact.Fact) {
		path := pick(r, []string{"/etc/", "/etc/cron.d/", "/usr/bin/", "/root/.ssh/", "/etc/systemd/system/"}) + pick(r, programs)
		f.Kind, f.File = fact.KindFile, &fact.File{Action: pick(r, []string{"added", "changed", "seen"}), Type: "file", Path: path, Mode: pick(r, []string{"0644", "0755"}), UID: "0", Owner: "root", Hash: &fact.Hash{SHA256: digest(r)}}
	},
	func(r *rand.Rand, f *fact.Fact) {
		f.Kind, f.Package = fact.KindPackage, &fact.Package{Action: pick(r, []string{"seen", "added", "changed"}), Name: pick(r, programs), Version: fmt.Sprintf("%d.%d-1", r.IntN(9), r.IntN(40)), Type: "deb"}
	},
	func(r *rand.Rand, f *fact.Fact) {
		name := pick(r, programs)
		f.Kind, f.Service = fact.KindService, &fact.Service{Action: pick(r, []string{"seen", "changed"}), Name: name + ".service", State: "active", Enabled: "enabled", Executable: "/usr/sbin/" + name, Manager: "systemd"}
	},
	func(r *rand.Rand, f *fact.Fact) {
		f.Kind, f.Listener = fact.KindListener, &fact.Listener{Action: pick(r, []string{"seen", "added"}), Transport: "tcp", Type: "ipv4", Address: "0.0.0.0", Port: r.Int64N(65536), Executable: "/usr/sbin/" + pick(r, programs)}
	},
	func(r *rand.Rand, f *fact.Fact) {
		f.Kind, f.Login = fact.KindLogin, &fact.Login{Action: "added", Outcome: pick(r, []string{"success", "failure"}), Method: "publickey", SourceIP: fmt.Sprintf("192.0.2.%d", r.IntN(255)), Service: "sshd"}
		f.User = user(r)
	},
	func(r *rand.Rand, f *fact.Fact) {
		f.Kind, f.Metric = fact.KindMetric, &fact.Metric{Action: "sample", Memory: &fact.Memory{Total: 1 << 33, Available: r.Uint64N(1 << 33)}, Disks: []fact.Disk{{Name: "sda", Busy: r.Float64() / 3}}}
	},
	func(r *rand.Rand, f *fact.Fact) {
		f.Kind, f.Process, f.User = fact.KindProcess, process(r), user(r)
	},
}

var folders = []string{"/usr/bin/", "/usr/bin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/lib/systemd/", "/opt/app/bin/", "/home/ada/bin/"}

var arguments = []string{"-c", "-v", "--help", "-lah", "/etc/hosts", "/var/log/syslog", "--config=/etc/app/app.yaml", "-n", "10", "https://example.org/index.html", "start", "status", "--json", "/srv/data/2026/report.csv", "-rf", "build", "main.go"}

func process(r *rand.Rand) *fact.Process {
	name := pick(r, programs)
	if r.IntN(2) == 0 {
		name = pick(r, daily)
	}
	p := &fact.Process{
		Action: pick(r, []string{"start", "exec", "exec", "exit"}), PID: 1000 + r.Int64N(30000), StartTicks: r.Uint64N(1 << 40), EntityID: fmt.Sprintf("%016x", r.Uint64()),
		Name: name[:min(15, len(name))], Executable: pick(r, folders) + name, ExecutableKind: "file", ExecutableFilesystem: "ext4", HashStatus: "ok", Hash: &fact.Hash{SHA256: digest(r)},
		WorkingDirectory: pick(r, []string{"/", "/root", "/home/ada", "/srv/app"}), Source: "connector", Args: []string{name},
	}
	for range r.IntN(7) {
		p.Args = append(p.Args, pick(r, arguments))
	}
	p.CommandLine = strings.Join(p.Args, " ")
	parent := pick(r, []string{"bash", "sshd", "cron", "systemd", "make", "dash", "sudo"})
	p.Parent = &fact.Parent{PID: 900, Name: parent, Executable: "/usr/bin/" + parent}
	p.Ancestors = []string{"/usr/sbin/sshd", "/usr/lib/systemd/systemd"}
	return p
}

func user(r *rand.Rand) *fact.User {
	if r.IntN(2) == 0 {
		return &fact.User{ID: "0", Name: "root", GroupID: "0"}
	}
	return &fact.User{ID: "1000", Name: "ada", GroupID: "1000"}
}

// digest is one of the few thousand that the programs of a fleet have.
func digest(r *rand.Rand) string { return fmt.Sprintf("%064x", r.IntN(4000)*7919) }
