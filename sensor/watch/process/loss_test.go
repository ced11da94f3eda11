//go:build linux

package process_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/connector"
	"picket.internal/sensor/watch/internal/packagedb"
	"picket.internal/sensor/watch/process"
)

func isLoss(cause string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool {
		return f.Sensor != nil && f.Sensor.Action == fact.SensorLoss && f.Sensor.Cause == cause
	}
}

func (s *sink) has(want func(*fact.Fact) bool) bool {
	facts, _ := s.facts()
	for _, f := range facts {
		if want(f) {
			return true
		}
	}
	return false
}

// TestOverrunIsToldAndMadeUpFor: where the kernel had no room for an event, the
// collector says so and looks at once, instead of at the fifth interval.
func TestOverrunIsToldAndMadeUpFor(t *testing.T) {
	c, err := process.New(process.Config{})
	must(t, err)
	s := newSink()
	c.Begin(s)
	must(t, c.Scan())
	c.Hears(0)
	child := play(t, "wait", "/proc/self/exe")
	must(t, c.Tick())
	if s.has(found(child.pid())) {
		t.Fatal("the kernel is heard, and yet every interval has a look")
	}
	c.Hear(connector.Event{What: connector.Overrun})
	f := s.wait(t, "loss", isLoss(fact.LossConnector))
	if f.Sensor.First == "" || f.Sensor.Last == "" || f.Sensor.Count != 0 || f.Sensor.Source != "process" {
		t.Errorf("loss %+v", f.Sensor)
	}
	must(t, c.Tick())
	for c.Backlog() > 0 {
		must(t, c.Scan())
	}
	for end := time.Now().Add(patience); !s.has(found(child.pid())); c.Settle() {
		if time.Now().After(end) {
			t.Fatal("the process that the overrun hid was not found")
		}
	}
}

// TestUnannouncedProcessesAreCounted: a look that finds processes which the
// kernel should have told of long before says how many.
func TestUnannouncedProcessesAreCounted(t *testing.T) {
	c, err := process.New(process.Config{})
	must(t, err)
	s := newSink()
	c.Begin(s)
	c.Hears(0) // since the host began: all that runs was kept quiet about
	must(t, c.Scan())
	must(t, c.Scan())
	f := s.wait(t, "loss", isLoss(fact.LossConnector))
	if f.Sensor.Count < 1 || !strings.Contains(f.Sensor.Reason, "had told nothing") || f.Sensor.First == "" {
		t.Errorf("loss %+v", f.Sensor)
	}
}

// TestPutOffHashesAreCounted: images that wait for the budget of bytes are
// counted as long as they wait.
func TestPutOffHashesAreCounted(t *testing.T) {
	child := play(t, "wait", copySelf(t, "large", strings.Repeat("x", 32<<20)))
	defer child.end()
	synctest.Test(t, func(t *testing.T) {
		c, err := process.New(process.Config{HashRate: 1 << 20})
		must(t, err)
		s := newSink()
		c.Begin(s)
		must(t, c.Scan())
		for range 20 {
			time.Sleep(time.Second)
			must(t, c.Tick())
		}
		if !s.has(isLoss(fact.LossHashBudget)) {
			t.Error("that hashing is put off is not told")
		}
		time.Sleep(time.Hour) // until nobody waits any more
		facts, _ := s.facts()
		for _, f := range facts {
			if isLoss(fact.LossHashBudget)(f) && (f.Sensor.Count < 1 || f.Sensor.First == "" || f.Sensor.Last == "") {
				t.Errorf("loss %+v", f.Sensor)
			}
		}
	})
}

// TestPackagesVouch: the fact of a process says which package its image is of,
// and that a copy of it is nobody's.
func TestPackagesVouch(t *testing.T) {
	testneed.Command(t, "dpkg-query", "run the test on Debian")
	sleep, err := exec.LookPath("/usr/bin/sleep")
	must(t, err)
	image, err := os.ReadFile(sleep)
	must(t, err)
	copied := t.TempDir() + "/sleep"
	must(t, os.WriteFile(copied, image, 0o755))
	s := run(t, process.Config{Packages: packagedb.Open("/")})
	for path, want := range map[string]fact.Vouch{
		sleep:  {Name: "coreutils", Verdict: fact.VouchOK},
		copied: {Verdict: fact.VouchUnowned},
	} {
		cmd := exec.Command(path, "60")
		must(t, cmd.Start())
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		f := s.wait(t, "fact with the package", func(f *fact.Fact) bool {
			return f.Process != nil && f.Process.PID == int64(cmd.Process.Pid) && f.Process.Executable == path && f.Process.Package != nil
		})
		if v := f.Process.Package; v.Name != want.Name || v.Verdict != want.Verdict {
			t.Errorf("%s: %+v, want %+v", path, v, want)
		}
	}
}

// TestLoginIsTold: a process says who logged in, also as another user.
func TestLoginIsTold(t *testing.T) {
	testneed.Root(t)
	s := run(t, process.Config{})
	for login, want := range map[string]string{"65533": "65533", "4294967295": ""} {
		cmd := exec.Command("sh", "-c", "echo "+login+" > /proc/self/loginuid; exec sleep 60")
		must(t, cmd.Start())
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		f := s.wait(t, "sleep", func(f *fact.Fact) bool {
			return f.Process != nil && f.Process.PID == int64(cmd.Process.Pid) && f.Process.Name == "sleep"
		})
		switch a := f.User.Audit; {
		case want == "" && a != nil, want != "" && (a == nil || a.ID != want):
			t.Errorf("login %s told as %+v", login, a)
		}
	}
}
