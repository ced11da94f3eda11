//go:build linux

package canary_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/internal/testaudit"
	"picket.internal/sensor/watch/canary"
)

// byAudit watches one canary that the audit tells of.
func byAudit(t testing.TB, fan bool) (*watched, *testaudit.Control) {
	t.Helper()
	dir := t.TempDir()
	ctl := testaudit.On(t)
	write(t, filepath.Join(dir, "canary"), "x") // the folder is what the rule needs
	ctl.Add(t, filepath.Join(dir, "canary"))
	return start(t, plan{dir: dir, armed: 1, watch: map[string]string{"c": "canary"}, edit: func(c *canary.Config) {
		c.NoFanotify = !fan
	}}), ctl
}

// TestAuditNames: with the audit, a touch has the process that did it, whatever
// else the sensor may use. On a host with no processor to spare its word may
// come too late, so that each is tried again; but it never names another one.
func TestAuditNames(t *testing.T) {
	for name, fan := range map[string]bool{"alone": false, "above fanotify": true} {
		t.Run(name, func(t *testing.T) {
			if fan {
				needFanotify(t)
			}
			w, _ := byAudit(t, fan)
			for _, d := range []struct {
				actions []string
				argv    []string
			}{
				{[]string{fact.CanaryOpen, fact.CanaryRead}, []string{"cat", w.at("canary")}},
				{[]string{fact.CanaryOpen, fact.CanaryModify}, []string{"cp", "/proc/self/comm", w.at("canary")}},
				{[]string{fact.CanaryModify}, []string{"truncate", "-s0", w.at("canary")}},
				{[]string{fact.CanaryAttrib}, []string{"chmod", "600", w.at("canary")}},
				{[]string{fact.CanaryMove}, []string{"mv", w.at("canary"), w.at("other")}},
				{[]string{fact.CanaryMove}, []string{"mv", w.at("another"), w.at("canary")}},
				{[]string{fact.CanaryDelete}, []string{"rm", w.at("canary")}},
			} {
				named := false
				for try := 0; try < 10 && !named; try++ {
					named = true
					w.again(t)
					n := w.len()
					pid := run(t, d.argv...)
					for _, action := range d.actions {
						f := w.wait(t, n, action, isCanary("c", action))
						named = named && f.Canary.Attribution == fact.AttributionAudit
						if p := f.Process; p != nil && (p.PID != pid || p.Executable != "" && p.Executable != real(t, d.argv[0])) {
							t.Fatalf("%q told as %+v by %+v, not process %d", d.argv, f.Canary, p, pid)
						}
					}
				}
				if !named {
					t.Errorf("%q is never named by the audit", d.argv)
				}
			}
		})
	}
}

// again makes the canary, and another file to move over it, where they are
// gone, and waits until what that causes is told.
func (w *watched) again(t *testing.T) {
	t.Helper()
	for _, name := range []string{"another", "canary"} {
		if _, err := os.Lstat(w.at(name)); err != nil {
			write(t, w.at(name), "xyz")
		}
	}
	w.awaitArmed(1)
	time.Sleep(20 * time.Millisecond) // what the making causes has no fact to wait for
}

func real(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	must(t, err)
	path, err = filepath.EvalSymlinks(path)
	must(t, err)
	return path
}

// TestAuditLogin: user.audit is who logged in, also after a change of user.
func TestAuditLogin(t *testing.T) {
	w, _ := byAudit(t, false)
	for range 10 {
		n := w.len()
		cmd := exec.Command("sh", "-c", "echo 65533 > /proc/self/loginuid && exec cat "+w.at("canary"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		f := w.wait(t, n, "read", isCanary("c", fact.CanaryRead))
		if f.Canary.Attribution != fact.AttributionAudit {
			continue // too late
		}
		if f.User == nil || f.User.Audit == nil || f.User.Audit.ID != "65533" || f.User.ID != "0" {
			t.Errorf("%+v: told of %+v by %+v", f.Canary, f.User, f.Process)
		}
		return
	}
	t.Error("never named by the audit")
}

// TestAuditRefused: who was not let is told too, which no inotify does.
func TestAuditRefused(t *testing.T) {
	w, _ := byAudit(t, false)
	must(t, os.Chmod(w.dir, 0o755))
	must(t, os.Chmod(filepath.Dir(w.dir), 0o755))
	must(t, os.Chmod(w.at("canary"), 0o600))
	n := w.len()
	cmd := exec.Command(real(t, "cat"), w.at("canary"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if err := cmd.Run(); err == nil {
		t.Fatal("nobody may read the canary")
	}
	f := w.wait(t, n, "open", isCanary("c", fact.CanaryOpen))
	if !f.Canary.Denied || f.Process == nil || f.Process.PID != int64(cmd.Process.Pid) || f.User.ID != "65534" {
		t.Errorf("told as %+v by %+v, %+v", f.Canary, f.Process, f.User)
	}
}

// TestAuditOfTheDead: a process that is gone when its record comes is named
// from the record, without a hash, and nobody else is named in its place.
func TestAuditOfTheDead(t *testing.T) {
	g := newGate()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "canary"), "x")
	testaudit.On(t, filepath.Join(dir, "canary"))
	w := start(t, plan{dir: dir, armed: 1, watch: map[string]string{"c": "canary"}, edit: func(c *canary.Config) {
		c.Lookouts = -1
		c.Before(g.wait)
	}})
	settle(t, w)
	g.close()
	pid := run(t, "cat", w.at("canary"))
	g.release()
	f := w.wait(t, 0, "read", isCanary("c", fact.CanaryRead))
	p := f.Process
	if p == nil {
		t.Fatalf("told as %+v", f.Canary)
	}
	if p.PID != pid || p.Executable != real(t, "cat") || p.Hash != nil || p.HashStatus != fact.HashGone || p.EntityID != "" ||
		p.CommandLine != "cat "+w.at("canary") || p.Parent == nil || p.Parent.PID != int64(os.Getpid()) || f.User.ID != strconv.Itoa(os.Geteuid()) {
		t.Errorf("told by %+v, parent %+v, %+v", p, p.Parent, f.User)
	}
}

// TestAuditLoss: records that the kernel dropped are told.
func TestAuditLoss(t *testing.T) {
	w, ctl := byAudit(t, false)
	for end := 0; ; end++ { // until it is known that the audit tells of it
		n := w.len()
		run(t, "cat", w.at("canary"))
		if f := w.wait(t, n, "open", isCanary("c", fact.CanaryOpen)); f.Canary.Attribution == fact.AttributionAudit {
			break
		} else if end == 20 {
			t.Fatal("the audit tells of nothing")
		}
	}
	must(t, ctl.Remove(w.at("canary")))
	run(t, "cat", w.at("canary"))
	f := w.wait(t, 0, "loss", isLoss(fact.LossAudit))
	if f.Sensor.Count != 1 || f.Sensor.First == "" || f.Sensor.Last == "" {
		t.Errorf("loss told as %+v", f.Sensor)
	}
}
