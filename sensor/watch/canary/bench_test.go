//go:build linux

package canary_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/canary"
)

// BenchmarkAttribution tells how often the process that touched a canary is
// known, by program, without and with fanotify.
func BenchmarkAttribution(b *testing.B) {
	python, err := exec.LookPath("/usr/bin/python3")
	programs := map[string][]string{
		"cat":  {"cat", "CANARY"},
		"head": {"head", "-1", "CANARY"},
		"cp":   {"cp", "CANARY", "COPY"},
		"grep": {"grep", "x", "CANARY"},
		"bash": {"bash", "-c", "read x < CANARY"},
	}
	if err == nil {
		programs["python3"] = []string{python, "-c", "open('CANARY').read()"}
	}
	for _, mode := range []string{"proc", "proc-1thread", "fanotify"} {
		for name, argv := range programs {
			b.Run(mode+"/"+name, func(b *testing.B) { attribution(b, mode, argv) })
		}
	}
}

func attribution(b *testing.B, mode string, argv []string) {
	w := start(b, plan{make: []string{"canary"}, watch: map[string]string{"c": "canary"}, edit: func(c *canary.Config) {
		c.NoFanotify = mode != "fanotify"
		if mode == "proc-1thread" {
			c.Lookouts = 1
		}
	}})
	fill := strings.NewReplacer("CANARY", w.at("canary"), "COPY", w.at("copy"))
	args := make([]string, len(argv))
	for i, a := range argv {
		args[i] = fill.Replace(a)
	}
	var opened, read, named, facts int
	ran := make(map[int64]bool)
	for b.Loop() {
		n := w.len()
		cmd := exec.Command(args[0], args[1:]...)
		_ = cmd.Run()
		ran[int64(cmd.Process.Pid)] = true
		w.wait(b, n, "read", isCanary("c", fact.CanaryRead))
		all, _ := w.since(n)
		for _, x := range all {
			if x.Process == nil || x.Canary == nil {
				continue
			}
			if !ran[x.Process.PID] {
				b.Fatalf("%s by process %d, but %v is %d", said([]*fact.Fact{x}), x.Process.PID, args, cmd.Process.Pid)
			}
			switch x.Canary.Action {
			case fact.CanaryOpen:
				opened++
				if x.Process.Executable != "" {
					named++
				}
			case fact.CanaryRead:
				read++
			}
		}
		facts++
		time.Sleep(2 * time.Millisecond)
	}
	b.ReportMetric(100*float64(opened)/float64(facts), "%open")
	b.ReportMetric(100*float64(read)/float64(facts), "%read")
	b.ReportMetric(100*float64(named)/float64(facts), "%named")
}

// BenchmarkTouchToEmit measures from the touch to the fact.
func BenchmarkTouchToEmit(b *testing.B) {
	for _, mode := range []string{"inotify", "fanotify"} {
		b.Run(mode, func(b *testing.B) {
			w := start(b, plan{make: []string{"canary"}, watch: map[string]string{"c": "canary"}, edit: func(c *canary.Config) {
				c.NoFanotify = mode == "inotify"
			}})
			var took []time.Duration
			for b.Loop() {
				n := w.len()
				at := time.Now()
				f, err := os.Open(w.at("canary"))
				must(b, err)
				w.wait(b, n, "open", isCanary("c", fact.CanaryOpen))
				took = append(took, time.Since(at))
				f.Close()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
