//go:build linux

package self_test

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/self"
)

type sink struct{ all []*fact.Fact }

func (s *sink) Emit(f *fact.Fact) { s.all = append(s.all, f) }

func (s *sink) of(action string) (all []*fact.Fact) {
	for _, f := range s.all {
		if f.Sensor.Action == action {
			all = append(all, f)
		}
	}
	return all
}

// run runs a collector for a while of made-up time, in which the wall clock is
// off by what set says for each moment.
func run(t *testing.T, cfg self.Config, d time.Duration, set func(sinceStart time.Duration) time.Duration) *sink {
	s := new(sink)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		since := func() time.Duration { return time.Since(began) }
		cfg.Clock(
			func() time.Time { return time.Now().UTC().Add(set(since())) },
			func() time.Duration { return time.Hour + since() },
		)
		c, err := self.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if err := c.Run(ctx, s); err != nil {
			t.Error(err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		c.Run(ctx, s) // after a failure it starts over, but the sensor did not
	})
	return s
}

func nothing() fact.Watching { return fact.Watching{} }

func still(time.Duration) time.Duration { return 0 }

func TestStartAndBeats(t *testing.T) {
	s := run(t, self.Config{
		Version:  "v1",
		Watching: func() fact.Watching { return fact.Watching{Canaries: 3, Processes: 40} },
		Queue:    func() self.Queue { return self.Queue{Facts: 1, Bytes: 2, Dropped: 3} },
	}, 61*time.Second, still)
	starts := s.of(fact.SensorStart)
	if len(starts) != 1 || s.all[0] != starts[0] {
		t.Fatalf("%d starts", len(starts))
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	f := starts[0]
	name, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if p := f.Sensor; f.Host.Name != name || p.Version != "v1" || p.OS != "linux" || p.Architecture != runtime.GOARCH ||
		p.Kernel != unix.ByteSliceToString(u.Release[:]) || p.Boot != strings.TrimSpace(string(boot)) || p.Heartbeat != 15 {
		t.Errorf("started as %q %+v", f.Host.Name, p)
	}
	// Quick at first, for whoever waits to hear that all is watched.
	want := []float64{0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 30.75, 45.75, 60.75, 61}
	var at []float64
	for _, f := range s.of(fact.SensorHeartbeat) {
		at = append(at, f.Sensor.Uptime)
		if w := f.Sensor.Watching; w == nil || w.Canaries != 3 || w.Processes != 40 || f.Host.Name != "" {
			t.Errorf("a beat is %+v, watching %+v", f.Sensor, w)
		}
	}
	if !slices.Equal(at, want) {
		t.Errorf("heartbeats at %v, want %v, the last of a second run", at, want)
	}
	resources := s.of(fact.SensorResource)
	if len(resources) != 1 {
		t.Fatalf("%d looks at resources in a minute", len(resources))
	}
	if r := resources[0].Sensor; r.RSS < 1<<20 || r.Goroutines == 0 || r.QueueDepth != 1 || r.QueueBytes != 2 || r.Dropped != 3 {
		t.Errorf("resources %+v", r)
	}
	if losses := s.of(fact.SensorLoss); len(losses) != 0 {
		t.Errorf("a clock that nobody set: %+v", losses[0].Sensor)
	}
}

// TestClockSteps: the wall clock is set against the time since boot.
func TestClockSteps(t *testing.T) {
	for name, c := range map[string]struct {
		by   time.Duration
		want string
	}{
		"back":    {-time.Hour, "set back by 1h0m0s"},
		"forward": {90 * time.Second, "set forward by 1m30s"},
		"a bit":   {time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := run(t, self.Config{Watching: nothing}, time.Minute, func(since time.Duration) time.Duration {
				if since < 20*time.Second {
					return 0
				}
				return c.by
			})
			losses := s.of(fact.SensorLoss)
			if c.want == "" {
				if len(losses) != 0 {
					t.Errorf("told as %+v", losses[0].Sensor)
				}
				return
			}
			if len(losses) != 1 {
				t.Fatalf("told %d times, want once", len(losses))
			}
			if l := losses[0].Sensor; l.Cause != fact.LossClockStep || !strings.Contains(l.Reason, c.want) || l.First == "" || l.Last == "" {
				t.Errorf("told as %+v", l)
			}
		})
	}
}

// TestSlewedClockIsNotSet: a clock that is corrected by half a second in a
// minute, as NTP does, is never told.
func TestSlewedClockIsNotSet(t *testing.T) {
	s := run(t, self.Config{Watching: nothing}, time.Hour, func(since time.Duration) time.Duration { return since / 120 })
	if losses := s.of(fact.SensorLoss); len(losses) != 0 {
		t.Errorf("told as %+v", losses[0].Sensor)
	}
}

func TestParseResident(t *testing.T) {
	if got, err := self.ParseResident([]byte("1000 77 3 4 0 5 0\n")); err != nil || got != 77 {
		t.Errorf("got %d, %v", got, err)
	}
	for _, bad := range []string{"", "1", "a b", "1 -2", "1 99999999999999999999"} {
		if got, err := self.ParseResident([]byte(bad)); err == nil {
			t.Errorf("%q: read as %d", bad, got)
		}
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		part, whole time.Duration
		want        float64
	}{{0, time.Second, 0}, {time.Second, 0, 0}, {-1, time.Second, 0}, {123456 * time.Microsecond, time.Second, 0.1235}, {3 * time.Second, time.Second, 3}} {
		if got := self.Share(c.part, c.whole); got != c.want {
			t.Errorf("%v of %v: %v", c.part, c.whole, got)
		}
	}
}
