// Package sample makes facts as a busy Linux host would send them, for tests
// and benchmarks that need many of every kind. The same seed makes the same
// facts.
//
// It is linked into no program, and must never stand in for a fact that a test
// is about: such a fact belongs into the test, where its reader sees it.
package sample

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"picket.internal/fact"
)

// Host makes the facts of one host.
type Host struct {
	id   string
	rnd  *rand.Rand
	now  time.Time
	seq  uint64
	self string
}

// NewHost makes a host whose first fact happens at start.
func NewHost(id string, seed uint64, start time.Time) *Host {
	h := &Host{id: id, rnd: rand.New(rand.NewPCG(seed, 1)), now: start.UTC()}
	h.self = h.hash(0)
	return h
}

// Fact makes the next fact: mostly processes, else one of seven other kinds, in
// about the mix that a host with all collectors sends; a canary is touched twice
// in a thousand.
func (h *Host) Fact() *fact.Fact {
	h.now = h.now.Add(time.Duration(h.rnd.IntN(40e6)))
	h.seq++
	f := &fact.Fact{ID: h.ulid(), Time: h.now, Host: fact.Host{ID: h.id}, Seq: h.seq}
	switch n := h.rnd.IntN(1000); {
	case n < 560:
		h.process(f)
	case n < 710:
		h.metric(f)
	case n < 810:
		h.heartbeat(f)
	case n < 870:
		h.binary(f)
	case n < 920:
		h.pkg(f)
	case n < 960:
		h.listener(f)
	case n < 998:
		h.login(f)
	default:
		h.canary(f)
	}
	return f
}

// Facts makes n facts.
func (h *Host) Facts(n int) []*fact.Fact {
	out := make([]*fact.Fact, n)
	for i := range out {
		out[i] = h.Fact()
	}
	return out
}

func (h *Host) ulid() string {
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(h.now))
	for i := 6; i < len(id); i++ {
		id[i] = byte(h.rnd.Uint32())
	}
	return id.String()
}

// hash is that of the n-th program: a host runs few different ones.
func (h *Host) hash(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	var b [32]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return hex.EncodeToString(b[:])
}

var programs = []string{"/usr/bin/bash", "/usr/bin/cat", "/usr/bin/python3.11", "/usr/sbin/cron", "/usr/bin/grep", "/usr/bin/sed",
	"/usr/sbin/sshd", "/usr/bin/find", "/usr/bin/dpkg", "/usr/lib/systemd/systemd", "/usr/bin/curl", "/usr/bin/restic", "/usr/bin/node", "/usr/sbin/nginx"}

func (h *Host) process(f *fact.Fact) {
	n := h.rnd.IntN(len(programs))
	name := programs[n][len("/usr/bin/"):]
	args := []string{name, "--job", fmt.Sprintf("nightly-%d", h.rnd.IntN(500)), fmt.Sprintf("/var/lib/app/%08x", h.rnd.Uint32())}
	f.Kind = fact.KindProcess
	f.Process = &fact.Process{
		Action: []string{fact.ProcessStart, fact.ProcessExec, fact.ProcessExit}[h.rnd.IntN(3)], EntityID: fmt.Sprintf("%016x", h.rnd.Uint64()),
		PID: int64(1000 + h.rnd.IntN(60000)), StartTicks: uint64(5000000 + h.seq*7), Start: h.now.Format("2006-01-02T15:04:05.00Z"),
		Name: name, Executable: programs[n], ExecutableKind: fact.ExecutableFile,
		Hash: &fact.Hash{SHA256: h.hash(n)}, HashStatus: fact.HashOK,
		Args: args, CommandLine: args[0] + " --job " + args[2] + " " + args[3], WorkingDirectory: "/var/lib/app",
		Parent:    &fact.Parent{EntityID: fmt.Sprintf("%016x", h.rnd.IntN(40)), PID: int64(900 + h.rnd.IntN(40)), Name: "bash", Executable: "/usr/bin/bash"},
		Ancestors: []string{"/usr/sbin/cron", "/usr/lib/systemd/systemd"},
	}
	f.User = &fact.User{ID: "1000", Name: "app", GroupID: "1000", GroupName: "app"}
	f.Service = &fact.Service{Name: "cron.service"}
}

func (h *Host) metric(f *fact.Fact) {
	f.Kind = fact.KindMetric
	part := func() float64 { return float64(h.rnd.IntN(1000)) / 1000 }
	f.Metric = &fact.Metric{
		Action: fact.MetricSample, Interval: 15, Processes: int64(200 + h.rnd.IntN(60)),
		CPU:         &fact.CPU{Count: 4, Busy: part(), User: part(), System: part(), IOWait: part()},
		Memory:      &fact.Memory{Total: 16 << 30, Available: h.rnd.Uint64N(16 << 30), SwapTotal: 2 << 30, SwapFree: 2 << 30},
		Load:        &fact.Load{One: part(), Five: part(), Fifteen: part()},
		Disks:       []fact.Disk{{Name: "sda", ReadBytes: h.rnd.Uint64N(1 << 24), WriteBytes: h.rnd.Uint64N(1 << 24), ReadOps: h.rnd.Int64N(500), WriteOps: h.rnd.Int64N(500)}},
		Filesystems: []fact.Filesystem{{Path: "/", Type: "ext4", Size: 100 << 30, Available: h.rnd.Uint64N(100 << 30)}},
	}
}

func (h *Host) heartbeat(f *fact.Fact) {
	f.Kind = fact.KindSensor
	f.Sensor = &fact.Sensor{Action: fact.SensorHeartbeat, Uptime: float64(h.seq * 15), RSS: 9<<20 + h.rnd.Uint64N(1<<20), CPU: 0.001,
		Goroutines: 23, QueueDepth: int64(h.rnd.IntN(20)), QueueBytes: int64(h.rnd.IntN(9000)),
		Watching: &fact.Watching{Canaries: 3, Processes: int64(200 + h.rnd.IntN(60))}}
}

func (h *Host) binary(f *fact.Fact) {
	f.Kind = fact.KindBinary
	f.Binary = &fact.Binary{Action: fact.BinaryHeartbeat, Path: "/usr/bin/picket-sensor", Version: "v0.1.0",
		Hash: &fact.Hash{SHA256: h.self}, Running: &fact.Running{Hash: &fact.Hash{SHA256: h.self}}}
}

func (h *Host) pkg(f *fact.Fact) {
	f.Kind = fact.KindPackage
	n := h.rnd.IntN(400)
	f.Package = &fact.Package{Action: fact.Changed, Name: fmt.Sprintf("lib%s%d", []string{"ssl", "xml", "png", "gnutls"}[n%4], n),
		Version: fmt.Sprintf("1.%d-%d", n, h.rnd.IntN(9)), PreviousVersion: fmt.Sprintf("1.%d-0", n), Architecture: "amd64", Type: "deb"}
}

func (h *Host) listener(f *fact.Fact) {
	f.Kind = fact.KindListener
	f.Listener = &fact.Listener{Action: fact.Added, Transport: "tcp", Type: "ipv4", Address: "127.0.0.1", Port: int64(1024 + h.rnd.IntN(60000))}
	f.Process = &fact.Process{PID: int64(1000 + h.rnd.IntN(60000)), Name: "node", Executable: "/usr/bin/node"}
}

func (h *Host) login(f *fact.Fact) {
	f.Kind = fact.KindLogin
	f.Login = &fact.Login{Action: fact.Added, Outcome: "success", Method: "publickey", Service: "sshd",
		SourceIP: fmt.Sprintf("10.0.%d.%d", h.rnd.IntN(4), h.rnd.IntN(250)), SourcePort: int64(30000 + h.rnd.IntN(30000))}
	f.User = &fact.User{ID: "1001", Name: "ada"}
}

func (h *Host) canary(f *fact.Fact) {
	f.Kind = fact.KindCanary
	f.Canary = &fact.Canary{Action: fact.CanaryRead, ID: "aws-credentials", Path: "/root/.aws/credentials", Attribution: fact.AttributionProc}
	f.Process = &fact.Process{PID: int64(1000 + h.rnd.IntN(60000)), Name: "cat", Executable: "/usr/bin/cat", Hash: &fact.Hash{SHA256: h.hash(1)}}
	f.User = &fact.User{ID: "33", Name: "www-data"}
}
