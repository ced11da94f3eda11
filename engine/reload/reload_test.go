package reload_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/reload"
	"picket.internal/engine/rule"
)

const good = `id: ID
title: a rule
status: stable
severity: low
on: [process]
where: process.pid == 1
tests:
  - {name: fires, facts: [{kind: process, process: {pid: 1}}], alerts: 1}
  - {name: silent, facts: [{kind: process, process: {pid: 2}}], alerts: 0}
`

func ruleNamed(id string) string { return strings.Replace(good, "ID", id, 1) }

// watched is a folder that a reload watches, with the clock in the test's hand.
type watched struct {
	t        *testing.T
	dir      string
	engine   *engine.Engine
	outcomes chan reload.Outcome
	settling chan chan time.Time // one for each time the watch begins to settle
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func watch(t *testing.T, dir string) *watched {
	t.Helper()
	w := &watched{t: t, dir: dir, engine: engine.New(engine.Config{}), outcomes: make(chan reload.Outcome, 100), settling: make(chan chan time.Time, 10_000)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- reload.Run(ctx, reload.Config{
			Dir: dir, Apply: w.engine.Load, Report: func(o reload.Outcome) { w.outcomes <- o },
			After: func(time.Duration) <-chan time.Time {
				c := make(chan time.Time, 1)
				w.settling <- c
				return c
			},
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// next is the next outcome; as in life, changes settle before the folder is
// looked at, and then the timer that was asked for last goes off.
func (w *watched) next() reload.Outcome {
	w.t.Helper()
	for {
		select {
		case o := <-w.outcomes:
			return o
		case c := <-w.settling:
			c <- time.Time{}
		case <-time.After(20 * time.Second):
			w.t.Fatal("the folder was not looked at")
		}
	}
}

// until waits for an outcome that is as wanted: a change can be several events,
// and the folder is looked at between them.
func (w *watched) until(what string, ok func(reload.Outcome) bool) reload.Outcome {
	w.t.Helper()
	for range 50 {
		if o := w.next(); ok(o) {
			return o
		}
	}
	w.t.Fatalf("never: %s", what)
	return reload.Outcome{}
}

func (w *watched) untilRules(ids ...string) {
	w.t.Helper()
	w.until(strings.Join(ids, " "), func(o reload.Outcome) bool { return o.Applied && strings.Join(w.ids(), " ") == strings.Join(ids, " ") })
}

func (w *watched) ids() []string {
	var out []string
	if set := w.engine.Set(); set != nil {
		for _, r := range set.Rules() {
			out = append(out, r.ID)
		}
	}
	return out
}

func TestChangesAreLoaded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rules")
	write(t, dir+"/a.yaml", ruleNamed("a.rule"))
	w := watch(t, dir)
	if o := w.next(); !o.Applied || o.Rules != 1 || o.Version == "" || o.Err() != nil {
		t.Fatalf("at the start: %+v", o)
	}
	write(t, dir+"/b.yaml", ruleNamed("b.rule"))
	w.untilRules("a.rule", "b.rule")
	write(t, dir+"/family/c.yaml", ruleNamed("c.rule")) // in a folder that was not there
	w.untilRules("a.rule", "b.rule", "c.rule")
	write(t, dir+"/family/c.yaml", ruleNamed("c2.rule"))
	w.untilRules("a.rule", "b.rule", "c2.rule")
	if err := os.Remove(dir + "/a.yaml"); err != nil {
		t.Fatal(err)
	}
	w.untilRules("b.rule", "c2.rule")
}

// Editors save by writing beside the file and renaming over it.
func TestRenameOverSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rules")
	write(t, dir+"/a.yaml", ruleNamed("a.rule"))
	w := watch(t, dir)
	w.untilRules("a.rule")
	for _, id := range []string{"a2.rule", "a3.rule"} {
		write(t, dir+"/.a.yaml.swp", ruleNamed(id))
		if err := os.Rename(dir+"/.a.yaml.swp", dir+"/a.yaml"); err != nil {
			t.Fatal(err)
		}
		w.untilRules(id)
	}
}

func TestThreat_E7_BadPackKeepsTheOldOne(t *testing.T) {
	for name, bad := range map[string]string{
		"malformed YAML": "id: [",
		"unknown field":  strings.Replace(ruleNamed("b.rule"), "process.pid", "process.pdi", 1),
		"type error":     strings.Replace(ruleNamed("b.rule"), "== 1", `== "1"`, 1),
		"endless cost":   strings.Replace(ruleNamed("b.rule"), "process.pid == 1", `process.args.exists(a, process.args.exists(b, process.args.exists(c, a + b == c)))`, 1),
		"failing test":   strings.Replace(ruleNamed("b.rule"), "alerts: 0", "alerts: 1", 1) + "  - {name: x, facts: [{kind: process, process: {pid: 3}}], alerts: 0}\n",
		"no tests":       strings.Split(ruleNamed("b.rule"), "tests:")[0],
		"same id":        ruleNamed("a.rule"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "rules")
			write(t, dir+"/a.yaml", ruleNamed("a.rule"))
			w := watch(t, dir)
			w.untilRules("a.rule")
			before := w.engine.Set()
			write(t, dir+"/b.yaml", bad)
			o := w.until("refused", func(o reload.Outcome) bool { return !o.Applied })
			if o.Err() == nil || !strings.HasPrefix(o.Err().Error(), "pack.rule_invalid: b.yaml:") || len(o.Findings) == 0 {
				t.Errorf("%v", o.Err())
			}
			if w.engine.Set() != before {
				t.Error("the set was swapped")
			}
			write(t, dir+"/b.yaml", ruleNamed("b.rule"))
			w.untilRules("a.rule", "b.rule")
		})
	}
}

func TestFolderThatGoesAndComesBack(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "deep", "rules")
	write(t, dir+"/a.yaml", ruleNamed("a.rule"))
	w := watch(t, dir)
	w.untilRules("a.rule")
	if err := os.RemoveAll(filepath.Join(above, "deep")); err != nil {
		t.Fatal(err)
	}
	w.until("gone", func(o reload.Outcome) bool { return !o.Applied })
	if len(w.ids()) != 1 {
		t.Error("without a folder the last good set stays")
	}
	write(t, dir+"/b.yaml", ruleNamed("b.rule"))
	w.untilRules("b.rule")
	write(t, dir+"/c.yaml", ruleNamed("c.rule"))
	w.untilRules("b.rule", "c.rule")
}

// A folder of links that are swung, as a container's configuration is.
func TestFolderThatIsALink(t *testing.T) {
	above := t.TempDir()
	write(t, above+"/v1/a.yaml", ruleNamed("a.rule"))
	write(t, above+"/v2/b.yaml", ruleNamed("b.rule"))
	link := filepath.Join(above, "rules")
	if err := os.Symlink("v1", link); err != nil {
		t.Fatal(err)
	}
	w := watch(t, link)
	w.untilRules("a.rule")
	if err := os.Symlink("v2", link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
	w.untilRules("b.rule")
	write(t, above+"/v2/c.yaml", ruleNamed("c.rule"))
	w.untilRules("b.rule", "c.rule")
}

// Nothing is read while a file is still being written: the folder is looked at
// once the changes have settled.
func TestChangesSettleFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rules")
	write(t, dir+"/a.yaml", ruleNamed("a.rule"))
	w := watch(t, dir)
	<-w.outcomes
	write(t, dir+"/b.yaml", "id: half of a ru")
	select {
	case c := <-w.settling:
		w.settling <- c // noticed, and the timer is still to go off
	case <-time.After(20 * time.Second):
		t.Fatal("the change was not noticed")
	}
	write(t, dir+"/b.yaml", ruleNamed("b.rule"))
	for {
		o := w.next()
		if !o.Applied {
			t.Fatalf("the half file was read: %v", o.Err())
		}
		if o.Rules == 2 {
			return
		}
	}
}

func TestOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a.yaml", ruleNamed("a.rule"))
	var applied *rule.Set
	c := reload.Config{Dir: dir, Apply: func(s *rule.Set) { applied = s }}
	if o := c.Once(); !o.Applied || applied == nil || applied.Len() != 1 {
		t.Errorf("%+v", o)
	}
	c.Dir = filepath.Join(dir, "not", "there")
	applied = nil
	if o := c.Once(); o.Applied || applied != nil || o.Err() == nil {
		t.Errorf("%+v", o)
	}
}
