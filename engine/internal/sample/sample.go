// Package sample makes up facts and rules for tests and benchmarks: varied
// enough that rules meet some of the facts, the same for the same seed. It must
// never be used outside of tests.
package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"picket.internal/fact"
)

// Source makes up facts and rules.
type Source struct {
	r *rand.Rand

	// Wide makes rules name mostly programs that no fact is about, as the rules
	// of a large pack do; without it one rule in ten meets a fact.
	Wide bool
}

// New returns a source that always makes the same things for a seed.
func New(seed uint64) *Source { return &Source{r: rand.New(rand.NewPCG(seed, seed))} }

func pick[T any](s *Source, of ...T) T { return of[s.r.IntN(len(of))] }

var (
	folders  = []string{"/usr/bin", "/usr/sbin", "/opt/app/bin", "/tmp", "/dev/shm", "/home/ada/bin", "/var/lib/x"}
	programs = []string{"bash", "sh", "nginx", "curl", "python3", "sshd", "kworker", "postgres", "cat", "Updater"}
	words    = []string{"-c", "-i", "/etc/passwd", "id", "http://192.0.2.7/x", "/dev/tcp/192.0.2.7/4444", "--help", "a b", "", "ä"}
	digests  = []string{strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("0123456789abcdef", 4)}
)

func (s *Source) path() string { return pick(s, folders...) + "/" + pick(s, programs...) }

// program is the name of a program that a rule looks for.
func (s *Source) program() string {
	if s.Wide && s.r.IntN(50) > 0 {
		return fmt.Sprintf("tool%d", s.r.IntN(1000))
	}
	return pick(s, programs...)
}

// Fact makes up a fact of one of the kinds that matter most, with parts missing
// now and then.
func (s *Source) Fact() *fact.Fact {
	f := &fact.Fact{
		ID: fmt.Sprintf("01J%023d", s.r.IntN(1_000_000)), Seq: s.r.Uint64N(1000),
		Time: time.Date(2026, 1, 1, 0, 0, s.r.IntN(100_000), 0, time.UTC),
		Host: fact.Host{ID: fmt.Sprintf("h_%d", s.r.IntN(4)), Name: pick(s, "web-1", "db-1", "")},
	}
	switch f.Kind = pick(s, fact.KindProcess, fact.KindProcess, fact.KindProcess, fact.KindCanary, fact.KindSensor, fact.KindFleet, fact.KindMetric); f.Kind {
	case fact.KindCanary:
		f.Canary = &fact.Canary{Action: pick(s, "open", "read", "modify", "attrib", "delete", "move"), ID: pick(s, "aws", "ssh"), Path: pick(s, "/root/.aws/credentials", "/root/.ssh/id_rsa")}
	case fact.KindSensor:
		f.Sensor = &fact.Sensor{Action: pick(s, "loss", "heartbeat", "degraded"), Cause: pick(s, "queue_evicted", "inotify_overflow", "clock_step", ""), Class: pick(s, "critical", "metric", ""), Count: s.r.Int64N(200), CPU: s.r.Float64()}
	case fact.KindFleet:
		f.Fleet = &fact.Fleet{Action: pick(s, "silent", "gap", "fork", "refused"), Count: s.r.Int64N(5)}
	case fact.KindMetric:
		f.Metric = &fact.Metric{Action: "sample", Memory: &fact.Memory{Total: 1 << 33, Available: s.r.Uint64N(1 << 33)},
			Disks: []fact.Disk{{Name: "sda", Busy: s.r.Float64()}, {Name: "sdb"}}}
	}
	if f.Kind == fact.KindProcess || f.Kind == fact.KindCanary && s.r.IntN(2) == 0 {
		f.Process, f.User = s.process(), s.user()
		if s.r.IntN(3) == 0 {
			f.Service = &fact.Service{Name: pick(s, "ssh.service", "nginx.service")}
		}
	}
	return f
}

func (s *Source) process() *fact.Process {
	p := &fact.Process{
		Action: pick(s, "start", "exec", "exit", "seen", ""), PID: s.r.Int64N(5000), StartTicks: s.r.Uint64(),
		Name: pick(s, programs...), Executable: s.path(), ExecutableKind: pick(s, "file", "deleted", "memfd", ""), Deleted: s.r.IntN(5) == 0,
		EntityID: fmt.Sprintf("%016x", s.r.IntN(50)),
	}
	for range s.r.IntN(5) {
		p.Args = append(p.Args, pick(s, words...))
	}
	p.CommandLine = strings.Join(p.Args, " ")
	if s.r.IntN(2) == 0 {
		p.Hash = &fact.Hash{SHA256: pick(s, digests...)}
	}
	if s.r.IntN(4) > 0 {
		p.Parent = &fact.Parent{PID: s.r.Int64N(5000), Name: pick(s, programs...), Executable: s.path()}
	}
	if s.r.IntN(4) == 0 {
		code := s.r.Int64N(3)
		p.ExitCode = &code
	}
	return p
}

func (s *Source) user() *fact.User {
	if s.r.IntN(5) == 0 {
		return nil
	}
	return &fact.User{ID: pick(s, "0", "33", "1000"), Name: pick(s, "root", "www-data", "ada")}
}

// Prevalence makes up what the hub knows; nil now and then.
func (s *Source) Prevalence() *fact.Prevalence {
	if s.r.IntN(3) == 0 {
		return nil
	}
	return &fact.Prevalence{Hosts: s.r.Int64N(3), FirstInFleet: s.r.IntN(2) == 0, FirstOnHost: s.r.IntN(2) == 0, Learned: s.r.IntN(2) == 0, PreviousSHA256: pick(s, append(digests, "")...)}
}

// Rules makes up n rules on process facts as one file.
func (s *Source) Rules(n int) []byte {
	var b strings.Builder
	for i := range n {
		where := s.Condition(3)
		if s.Wide || i%2 == 0 {
			where = s.specific() + " && " + where
		}
		fmt.Fprintf(&b, "---\nid: sample.r%d\ntitle: sample %d\nstatus: test\nseverity: low\non: [process]\nwhere: |\n  %s\n", i, i, where)
	}
	return []byte(b.String())
}

// Condition makes up a condition on process facts out of at most n parts.
func (s *Source) Condition(n int) string {
	if n <= 1 {
		return s.part()
	}
	switch s.r.IntN(6) {
	case 0:
		return "(" + s.Condition(n-1) + " || " + s.part() + ")"
	case 1:
		return "!(" + s.Condition(n-1) + ")"
	default:
		return s.part() + " && " + s.Condition(n-1)
	}
}

// specific is what most rules of a large pack begin with: one program.
func (s *Source) specific() string {
	name := s.program()
	switch s.r.IntN(5) {
	case 0:
		return fmt.Sprintf("process.executable.endsWith(%q)", "/"+name)
	case 1:
		return fmt.Sprintf("process.executable.base() in [%q, %q]", name, s.program())
	case 2:
		return fmt.Sprintf("process.command_line.contains(%q)", name+" ")
	case 3:
		return fmt.Sprintf("process.executable.matches(%q)", "^/(usr/)?s?bin/"+name+"[0-9.]*$")
	}
	return fmt.Sprintf("process.executable == %q", "/usr/bin/"+name)
}

// stringFields differ from one another, so that two parts rarely contradict.
var stringFields = []string{"process.executable", "process.name", "process.parent.executable", "process.command_line", "user.name", "process.hash.sha256"}

func (s *Source) part() string {
	field := pick(s, stringFields...)
	value := pick(s, s.program(), pick(s, folders...)+"/"+s.program(), pick(s, digests...))
	switch s.r.IntN(16) {
	case 0:
		return fmt.Sprintf("%s != %q", field, value)
	case 1:
		return fmt.Sprintf("%s in [%q, %q]", field, value, "/opt/"+s.program())
	case 2:
		return fmt.Sprintf("%s.startsWith(%q)", field, value)
	case 3:
		return fmt.Sprintf("%s.endsWith(%q)", field, value)
	case 4:
		return fmt.Sprintf("%s.contains(%q)", field, s.program())
	case 5:
		return fmt.Sprintf("%s.under(%q)", field, pick(s, folders...))
	case 6:
		return fmt.Sprintf("%s.equalsFold(%q)", field, strings.ToUpper(value))
	case 7:
		return fmt.Sprintf("%s.base() == %q", field, s.program())
	case 8:
		return fmt.Sprintf("process.args.exists(a, a == %q)", pick(s, words...))
	case 9:
		return fmt.Sprintf("%s.matches(%q)", field, "^/(usr|opt)/.*"+s.program()+"$")
	case 10:
		return fmt.Sprintf("process.pid > %d", s.r.IntN(5000))
	case 11:
		return "has(" + pick(s, "process.hash", "process.parent", "user", "service.name", "process.exit_code") + ")"
	case 12:
		return pick(s, "process.deleted", "!process.deleted", "prevalence.learned", "prevalence.first_in_fleet && has(process)")
	case 13:
		return fmt.Sprintf("process.args[%d] == %q", s.r.IntN(3), pick(s, words...))
	case 14:
		return fmt.Sprintf("process.action in [%q, %q]", pick(s, "start", "exec"), pick(s, "seen", "exit"))
	}
	return fmt.Sprintf("process.executable in [%q, %q]", "/usr/bin/"+s.program(), "/opt/app/bin/"+s.program())
}
