//go:build linux

package gate

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/wrappers/internal/action"
)

func TestNoopLeavesAReceipt(t *testing.T) {
	s := newSite(t)
	for range 3 {
		if r := s.do(t, eat.Noop{}); r.Outcome != eat.OutcomeDone || r.Host != eattest.HostID || r.Wrapper != "test" {
			t.Errorf("%+v", r)
		}
	}
}

// TestSuspendToTheEndOfItsLease: what is stopped goes on by itself.
func TestSuspendToTheEndOfItsLease(t *testing.T) {
	s := newSite(t)
	p := target(t)
	r := s.do(t, eat.SuspendProcess{Process: p, Lifetime: 600})
	if r.Outcome != eat.OutcomeDone || !isStopped(t, p) || !r.LeaseEnd.Equal(eattest.Now.Add(10*time.Minute)) {
		t.Fatalf("%+v, stopped %v", r, isStopped(t, p))
	}
	s.after = 9 * time.Minute
	s.leases(t)
	if !isStopped(t, p) {
		t.Fatal("it goes on before the end of its lease")
	}
	s.after = 10 * time.Minute
	s.leases(t)
	if isStopped(t, p) {
		t.Error("it is stopped after the end of its lease")
	}
	if got := outcomes(s.spooled(t), r.Token); !slices.Equal(got, []string{eat.OutcomeDone, eat.OutcomeAutoUndone}) {
		t.Errorf("receipts %v", got)
	}
	s.leases(t)
	if got := outcomes(s.spooled(t), r.Token); len(got) != 2 {
		t.Errorf("a lease that is over is told again: %v", got)
	}
}

// TestOtherBootIDs: in some containers the boot id is another for each unit, so
// that a suspension is judged by the processes that it holds. After a real
// reboot whoever has the number now is left alone.
func TestOtherBootIDs(t *testing.T) {
	suspended := func(t *testing.T) (*site, eat.Process, string) {
		s, p := newSite(t), target(t)
		r := s.do(t, eat.SuspendProcess{Process: p, Lifetime: 600})
		if r.Outcome != eat.OutcomeDone || !isStopped(t, p) {
			t.Fatalf("%+v", r)
		}
		h, err := open(s.config())
		must(t, err)
		defer h.close()
		e := h.ledger.entries[r.Token]
		e.Boot = eattest.BootID
		e.Record = bytes.ReplaceAll(e.Record, []byte(h.boot), []byte(eattest.BootID))
		must(t, h.ledger.put(e))
		return s, p, r.Token
	}
	t.Run("the same boot", func(t *testing.T) {
		s, p, token := suspended(t)
		s.leases(t)
		if got := outcomes(s.spooled(t), token); !isStopped(t, p) || len(got) != 1 {
			t.Fatalf("it is given up before the end of its lease: receipts %v", got)
		}
		s.after = 10 * time.Minute
		s.leases(t)
		if got := outcomes(s.spooled(t), token); isStopped(t, p) || !slices.Equal(got, []string{eat.OutcomeDone, eat.OutcomeAutoUndone}) {
			t.Errorf("stopped %v after the end of the lease: receipts %v", isStopped(t, p), got)
		}
	})
	t.Run("the wrapper was killed", func(t *testing.T) {
		s, p := newSite(t), target(t)
		token := s.token(t, eat.SuspendProcess{Process: p, Lifetime: 600})
		if !s.killedAt(t, s.deliver(t, token), "acted") {
			t.Fatal("it was not killed")
		}
		h, err := open(s.config())
		must(t, err)
		h.ledger.entries[token.ID].Record = bytes.ReplaceAll(h.ledger.entries[token.ID].Record, []byte(h.boot), []byte(eattest.BootID))
		must(t, h.ledger.put(h.ledger.entries[token.ID]))
		h.close()
		s.leases(t)
		if isStopped(t, p) {
			t.Error("it is stopped for ever")
		}
	})
	t.Run("another boot", func(t *testing.T) {
		s, innocent, token := suspended(t)
		// It has the number of one that was stopped, and another start.
		journals, err := filepath.Glob(filepath.Join(s.root, "var/lib/picket-wrapper/process/*"))
		if err != nil || len(journals) != 1 {
			t.Fatal(journals, err)
		}
		data, err := os.ReadFile(journals[0])
		must(t, err)
		is := fmt.Sprintf("%d %d ", innocent.PID, innocent.StartTicks)
		if !bytes.HasPrefix(data, []byte(is)) {
			t.Fatalf("%q does not begin with %q", data, is)
		}
		data = append(fmt.Appendf(nil, "%d %d ", innocent.PID, innocent.StartTicks+1), data[len(is):]...)
		must(t, os.WriteFile(journals[0], data, 0o600))
		for range 2 {
			s.leases(t)
		}
		if !isStopped(t, innocent) {
			t.Error("a process that only has the number was let go on")
		}
		if got := outcomes(s.spooled(t), token); !slices.Equal(got, []string{eat.OutcomeDone, eat.OutcomeAutoUndone}) {
			t.Errorf("receipts %v", got)
		}
		if left, err := filepath.Glob(filepath.Join(s.root, "var/lib/picket-wrapper/process/*")); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

func TestTakenBack(t *testing.T) {
	s := newSite(t)
	p := target(t)
	for name, back := range map[string]func(token string) eat.Args{
		"by name":    func(string) eat.Args { return eat.ResumeProcess{Process: p} },
		"by release": func(token string) eat.Args { return eat.Release{Token: token} },
	} {
		t.Run(name, func(t *testing.T) {
			first := s.do(t, eat.SuspendProcess{Process: p, Lifetime: 600})
			if !isStopped(t, p) {
				t.Fatalf("%+v", first)
			}
			second := s.do(t, back(first.Token))
			if second.Outcome != eat.OutcomeDone || isStopped(t, p) {
				t.Errorf("%+v, stopped %v", second, isStopped(t, p))
			}
			if got := outcomes(s.spooled(t), first.Token); !slices.Equal(got, []string{eat.OutcomeDone, eat.OutcomeUndone}) {
				t.Errorf("receipts of the first %v", got)
			}
			if third := s.do(t, eat.ResumeProcess{Process: p}); third.Outcome != eat.OutcomeRefused || third.Refusal != "eat.nothing_in_force" {
				t.Errorf("a second time: %+v", third)
			}
		})
	}
}

// TestQuarantineAndBack: the file is as it was.
func TestQuarantineAndBack(t *testing.T) {
	s := newSite(t)
	must(t, os.Mkdir(filepath.Join(s.root, "srv"), 0o755))
	path := filepath.Join(s.root, "srv/dropper")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o4755))
	must(t, os.Chmod(path, 0o755|os.ModeSetuid))
	before, err := os.Stat(path)
	must(t, err)
	r := s.do(t, eat.QuarantineFile{Path: eat.PathOf("/srv/dropper"), SHA256: digest(path, 1<<20), Lifetime: 600})
	if _, err := os.Stat(path); r.Outcome != eat.OutcomeDone || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%+v, %v", r, err)
	}
	if r := s.do(t, eat.RestoreFile{Record: r.Token}); r.Outcome != eat.OutcomeDone {
		t.Fatalf("%+v", r)
	}
	after, err := os.Stat(path)
	must(t, err)
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "#!/bin/sh\n" || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("%q, %v; mode %v, was %v", data, err, after.Mode(), before.Mode())
	}
}

// TestThreat_W7_OneTokenOneEffect: again, in other spellings, and fifty at once.
func TestThreat_W7_OneTokenOneEffect(t *testing.T) {
	s := newSite(t)
	p := target(t)
	token := s.token(t, eat.SuspendProcess{Process: p, Lifetime: 600})
	order := s.deliver(t, token)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if out, err := s.wrapper(order, "").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wait.Wait()
	s.noteSeen(t)
	if got := outcomes(s.spooled(t), token.ID); !slices.Equal(got, []string{eat.OutcomeDone, eat.OutcomeRefused}) {
		t.Errorf("receipts %v, want one that it is done and one that it was used", got)
	}
	// DSSE takes both alphabets of base64: the token is the same.
	respelt := bytes.ReplaceAll(bytes.ReplaceAll(order, []byte("+"), []byte("-")), []byte(`/`), []byte("_"))
	if got, err := s.run(t, respelt); err == nil && got[len(got)-1].Outcome == eat.OutcomeDone && len(outcomes(got, token.ID)) > 2 {
		t.Errorf("another spelling was acted on: %+v", got)
	}
	// A machine that is put back to a snapshot is another boot.
	other := s.token(t, eat.SuspendProcess{Process: p, Lifetime: 600})
	other.Boot = eattest.BootID
	if got, err := s.run(t, s.deliver(t, other)); err != nil || got[len(got)-1].Refusal != eat.ErrWrongBoot.ID {
		t.Errorf("%v, %+v", err, got)
	}
}

// Two tokens on their way at once may overtake each other: both take effect, and
// each once, also where the ledger has lost them.
func TestThreat_W7_TokensThatOvertake(t *testing.T) {
	s := newSite(t)
	first, second := s.token(t, eat.Noop{}), s.token(t, eat.Noop{})
	for _, token := range []eat.Token{second, first} {
		got, err := s.run(t, s.deliver(t, token))
		if err != nil || got[len(got)-1].Token != token.ID || got[len(got)-1].Outcome != eat.OutcomeDone {
			t.Fatalf("%v, %+v", err, got[len(got)-1])
		}
		s.noteSeen(t)
	}
	again := func(token eat.Token, want string) {
		t.Helper()
		if got, err := s.run(t, s.deliver(t, token)); err != nil || got[len(got)-1].Refusal != want {
			t.Errorf("%v, %+v, want %s", err, got[len(got)-1], want)
		}
	}
	again(first, eat.ErrAlreadyUsed.ID)
	for _, token := range []eat.Token{first, second} {
		if err := os.Remove(filepath.Join(s.root, "var/lib/picket-wrapper/ledger", token.ID)); err != nil {
			t.Fatal(err)
		}
		again(token, eat.ErrCounterTooLow.ID)
	}
}

// TestThreat_W7_KilledAtEachStep: whenever a wrapper is killed, the token is
// spent or untouched, its effect is there with a lease or gone, and a receipt
// says which.
func TestThreat_W7_KilledAtEachStep(t *testing.T) {
	for _, step := range []string{"spend", "remember", "intend", "act", "acted", "tell", "hold"} {
		t.Run(step, func(t *testing.T) {
			s := newSite(t)
			p := target(t)
			token := s.token(t, eat.SuspendProcess{Process: p, Lifetime: 600})
			order := s.deliver(t, token)
			if !s.killedAt(t, order, step) {
				t.Fatalf("it never came to %q", step)
			}
			s.leases(t)
			got, holds := outcomes(s.spooled(t), token.ID), isStopped(t, p)
			switch {
			case step == "spend":
				if len(got) != 0 || holds {
					t.Errorf("receipts %v, stopped %v of a token that was not spent", got, holds)
				}
				return
			case len(got) != 1:
				t.Errorf("receipts %v", got)
			case got[0] == eat.OutcomeDone != holds:
				t.Errorf("receipt %v, stopped %v", got, holds)
			}
			again, err := s.run(t, order)
			if err != nil || again[len(again)-1].Refusal != eat.ErrAlreadyUsed.ID || isStopped(t, p) != holds {
				t.Errorf("the token works again: %v %+v", err, again)
			}
			s.after = 10 * time.Minute
			s.leases(t)
			if isStopped(t, p) {
				t.Error("it is stopped after the end of the lease")
			}
			receipts := s.spooled(t)
			s.leases(t)
			if len(s.spooled(t)) != len(receipts) {
				t.Error("what is over is told again")
			}
		})
	}
}

// TestKilledWhileItTakesBack: the next finishes it.
func TestKilledWhileItTakesBack(t *testing.T) {
	for _, step := range []string{"undo", "undone", "tell", "over", "over/2", "tell/2"} {
		t.Run(step, func(t *testing.T) {
			s := newSite(t)
			p := target(t)
			first := s.do(t, eat.SuspendProcess{Process: p, Lifetime: 600})
			token := s.token(t, eat.Release{Token: first.Token})
			if !s.killedAt(t, s.deliver(t, token), step) {
				t.Fatalf("it never came to %q", step)
			}
			s.after = 10 * time.Minute
			s.leases(t)
			if isStopped(t, p) {
				t.Error("it is still stopped")
			}
			all := s.spooled(t)
			if got := outcomes(all, first.Token); len(got) < 2 {
				t.Errorf("receipts of what was in force %v", got)
			}
			if got := outcomes(all, token.ID); len(got) != 1 {
				t.Errorf("receipts of the release %v", got)
			}
		})
	}
}

// leftBehind is a site where a wrapper was killed after it had quarantined
// /srv/dropper, and where something else is in that place since. tries counts
// how often cfg's wrapper tries to take something back.
func leftBehind(t *testing.T) (s *site, token, path string, cfg Config, tries *int) {
	t.Helper()
	s, tries = newSite(t), new(int)
	path = filepath.Join(s.root, "srv/dropper")
	must(t, os.Mkdir(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
	order := s.token(t, eat.QuarantineFile{Path: eat.PathOf("/srv/dropper"), SHA256: digest(path, 1<<20), Lifetime: 600})
	if !s.killedAt(t, s.deliver(t, order), "acted") {
		t.Fatal("it was not killed")
	}
	s.noteSeen(t)
	must(t, os.WriteFile(path, []byte("in the way"), 0o755))
	cfg = s.config()
	cfg.step = func(name string) {
		if name == "undo" {
			*tries++
		}
	}
	return s, order.ID, path, cfg, tries
}

// TestWhatAKilledWrapperLeftHoldsUpNobody: what cannot be taken back is told
// once, tried again by the timer, and passed over by every token after it.
func TestWhatAKilledWrapperLeftHoldsUpNobody(t *testing.T) {
	s, token, path, cfg, tries := leftBehind(t)
	p := target(t)
	if r := s.do(t, eat.SuspendProcess{Process: p, Lifetime: 3600}); r.Outcome != eat.OutcomeDone || !isStopped(t, p) {
		t.Fatalf("the next token: %+v", r)
	}
	for run := range 2 {
		if err := Leases(cfg); err == nil || !strings.Contains(err.Error(), "quar.occupied") || *tries != run+1 {
			t.Errorf("run %d of the timer: %d tries in all, %v", run+1, *tries, err)
		}
	}
	if r := s.do(t, eat.Noop{}); r.Outcome != eat.OutcomeDone {
		t.Errorf("a later token: %+v", r)
	}
	all := s.spooled(t)
	if got := outcomes(all, token); !slices.Equal(got, []string{eat.OutcomeFailed}) || all[0].Refusal != "wrapper.not_undone" {
		t.Errorf("receipts %v, the first of all %+v", got, all[0])
	}
	must(t, os.Remove(path))
	s.leases(t)
	if data, err := os.ReadFile(path); err != nil || string(data) != "#!/bin/sh\n" {
		t.Errorf("with its place free: %q, %v", data, err)
	}
	s.leases(t)
	if got := outcomes(s.spooled(t), token); !slices.Equal(got, []string{eat.OutcomeFailed, eat.OutcomeAutoUndone}) {
		t.Errorf("receipts %v", got)
	}
}

// TestWhatFailedAndStayedIsTriedAgain: an act that failed, and could not be taken
// back either, is told once and tried again by the timer, as what a killed
// wrapper left.
func TestWhatFailedAndStayedIsTriedAgain(t *testing.T) {
	s := newSite(t)
	shadow := filepath.Join(s.root, "etc/shadow")
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nmallory:x:1001:1001::/home/mallory:/bin/sh\nalice:x:1002:1002::/home/alice:/bin/sh\n",
		"etc/shadow": "root:*:20000::::::\nmallory:$y$j9T$x$y:20000:0:99999:7:::\nalice:$y$j9T$z$z:20000:0:99999:7:::\n",
	} {
		must(t, os.WriteFile(filepath.Join(s.root, name), []byte(text), 0o640))
	}
	before, err := os.ReadFile(shadow)
	must(t, err)
	order := s.token(t, eat.DisableUser{Name: "mallory", Lifetime: 3600})
	cfg := s.config()
	cfg.step = func(name string) {
		if name == "act" { // the file that is to be changed is not there, nor when that is to be undone
			must(t, os.Rename(shadow, shadow+".away"))
		}
	}
	var out bytes.Buffer
	must(t, Run(cfg, stdin(t, s.deliver(t, order)), &out))
	s.noteSeen(t)
	for run := range 2 {
		if err := Leases(s.config()); err == nil || !strings.Contains(err.Error(), "etc/shadow") {
			t.Errorf("run %d of the timer: %v", run+1, err)
		}
	}
	if r := s.do(t, eat.Noop{}); r.Outcome != eat.OutcomeDone {
		t.Errorf("a later token: %+v", r)
	}
	all := s.spooled(t)
	if got := outcomes(all, order.ID); !slices.Equal(got, []string{eat.OutcomeFailed}) || all[0].Refusal != "action.not_undone" || !strings.Contains(all[0].Detail, "could not be taken back") {
		t.Errorf("receipts %v, the first of all %+v", got, all[0])
	}
	must(t, os.Rename(shadow+".away", shadow))
	s.leases(t)
	s.leases(t)
	if got := outcomes(s.spooled(t), order.ID); !slices.Equal(got, []string{eat.OutcomeFailed, eat.OutcomeAutoUndone}) {
		t.Errorf("with the file in its place: receipts %v", got)
	}
	if after, err := os.ReadFile(shadow); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file is %q, %v", after, err)
	}
}

// TestOneRunTriesOnce: where the timer is the first to find what a killed
// wrapper left, it does not try twice.
func TestOneRunTriesOnce(t *testing.T) {
	s, token, _, cfg, tries := leftBehind(t)
	if err := Leases(cfg); err == nil || !strings.Contains(err.Error(), "quar.occupied") || *tries != 1 {
		t.Errorf("%d tries: %v", *tries, err)
	}
	if got := outcomes(s.spooled(t), token); !slices.Equal(got, []string{eat.OutcomeFailed}) {
		t.Errorf("receipts %v", got)
	}
}

// TestARecordThatCannotBeReadHoldsUpNobody: it is told once too.
func TestARecordThatCannotBeReadHoldsUpNobody(t *testing.T) {
	s, token, _, cfg, _ := leftBehind(t)
	h, err := open(cfg)
	must(t, err)
	h.ledger.entries[token].Record = []byte(`{"path":1}`)
	must(t, h.ledger.put(h.ledger.entries[token]))
	h.close()
	for range 2 {
		if err := Leases(cfg); err == nil || !strings.Contains(err.Error(), "state.bad_file") {
			t.Errorf("%v", err)
		}
		if r := s.do(t, eat.Noop{}); r.Outcome != eat.OutcomeDone {
			t.Errorf("a later token: %+v", r)
		}
	}
	if got := outcomes(s.spooled(t), token); !slices.Equal(got, []string{eat.OutcomeFailed}) {
		t.Errorf("receipts %v", got)
	}
}

// TestThreat_W9_ClockSetBack: the clock is never before what was signed.
func TestThreat_W9_ClockSetBack(t *testing.T) {
	s := newSite(t)
	s.do(t, eat.Noop{})
	s.after = -24 * time.Hour
	token := s.token(t, eat.Noop{})
	got, err := s.run(t, s.deliver(t, token))
	if err != nil || got[len(got)-1].Refusal != eat.ErrBelowFloor.ID {
		t.Errorf("%v, %+v", err, got)
	}
}

// TestThreat_H10_ForkedLog: a hub that tells two stories is refused, and so is
// one that forgot what it told.
func TestThreat_H10_ForkedLog(t *testing.T) {
	s := newSite(t)
	fork := s.hub.Fork()
	s.do(t, eat.Noop{})
	s.do(t, eat.Noop{})
	honest := s.hub
	saw := s.saw(t)
	s.hub = fork
	got, err := s.run(t, s.deliver(t, s.token(t, eat.Noop{})))
	if id := got[len(got)-1].Refusal; err != nil || id != eat.ErrLogRollback.ID && id != eat.ErrNoConsistency.ID && id != eat.ErrLogFork.ID {
		t.Errorf("%v, %+v", err, got[len(got)-1])
	}
	// The refusal carries the hub's signed word that the fork contradicts.
	tree, note, err := got[len(got)-1].Seen(eattest.Trust(t).Log)
	if err != nil || string(note) != saw || tree != honest.Tree(t) {
		t.Errorf("the refusal says that the host saw %q, %v; want %q", note, err, saw)
	}
	s.hub = honest
	if r := s.do(t, eat.Noop{}); r.Outcome != eat.OutcomeDone {
		t.Errorf("the honest hub after it: %+v", r)
	}
}

// saw is the checkpoint that the host remembers.
func (s *site) saw(t *testing.T) string {
	t.Helper()
	state, err := openFolder(s.root, "var/lib/picket-wrapper")
	must(t, err)
	defer state.f.Close()
	m, err := loadMemory(state)
	must(t, err)
	return m.Checkpoint
}

// TestReceiptsCarryTheCheckpoint: what the host saw last, as it was signed; the
// size alone where the trust store has another key of the log since.
func TestReceiptsCarryTheCheckpoint(t *testing.T) {
	s := newSite(t)
	log := eattest.Trust(t).Log
	r := s.do(t, eat.Noop{})
	if tree, note, err := r.Seen(log); err != nil || string(note) != s.saw(t) || tree != s.hub.Tree(t) {
		t.Errorf("the receipt says that the host saw %q, %v; it remembers %q", note, err, s.saw(t))
	}
	trust := eattest.Trust(t)
	var err error
	trust.Log, err = eat.LogVerifier(eattest.LogName, eattest.Key(20).Public())
	must(t, err)
	s.write(t, trustFile, trust)
	got, err := s.run(t, s.deliver(t, s.token(t, eat.Noop{})))
	must(t, err)
	last := got[len(got)-1]
	if tree, note, err := last.Seen(log); err != nil || note != nil || tree.N != s.seen || last.Refusal != eat.ErrBadCheckpoint.ID {
		t.Errorf("with another key: %+v, %q, %v", last, note, err)
	}
}

// TestThreat_P2_FilesOfOthers: a file or folder that somebody else could have
// written is not believed, nor a link.
func TestThreat_P2_FilesOfOthers(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, s *site){
		"a folder for the group": func(t *testing.T, s *site) { must(t, os.Chmod(filepath.Join(s.root, "etc/picket"), 0o775)) },
		"a file of another":      func(t *testing.T, s *site) { must(t, os.Chown(filepath.Join(s.root, policyFile), 65534, 0)) },
		"a file for all":         func(t *testing.T, s *site) { must(t, os.Chmod(filepath.Join(s.root, trustFile), 0o666)) },
		"a link": func(t *testing.T, s *site) {
			path := filepath.Join(s.root, trustFile)
			must(t, os.Rename(path, path+".real"))
			must(t, os.Symlink("trust.json.real", path))
		},
		"a linked folder": func(t *testing.T, s *site) {
			path := filepath.Join(s.root, "etc/picket")
			must(t, os.Rename(path, path+".real"))
			must(t, os.Symlink("picket.real", path))
		},
		"a key that others can read": func(t *testing.T, s *site) {
			must(t, os.Chmod(filepath.Join(s.root, "var/lib/picket-wrapper/key"), 0o640))
		},
		"a pipe in the place of a file": func(t *testing.T, s *site) {
			path := filepath.Join(s.root, hostFile)
			must(t, os.Remove(path))
			must(t, unix.Mkfifo(path, 0o644))
		},
		"a ledger of another": func(t *testing.T, s *site) {
			must(t, os.Mkdir(filepath.Join(s.root, "var/lib/picket-wrapper/ledger"), 0o700))
			must(t, os.Chown(filepath.Join(s.root, "var/lib/picket-wrapper/ledger"), 65534, 0))
		},
		"a linked spool": func(t *testing.T, s *site) {
			must(t, os.Symlink("/tmp", filepath.Join(s.root, "var/lib/picket-wrapper/receipts")))
		},
		"an entry of another's": func(t *testing.T, s *site) {
			s.do(t, eat.Noop{})
			entries, err := filepath.Glob(filepath.Join(s.root, "var/lib/picket-wrapper/ledger/*"))
			if err != nil || len(entries) != 1 {
				t.Fatal(entries, err)
			}
			must(t, os.Chown(entries[0], 65534, 0))
		},
		"a state folder of another": func(t *testing.T, s *site) {
			must(t, os.Chown(filepath.Join(s.root, "var/lib/picket-wrapper"), 65534, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			order := s.deliver(t, s.token(t, eat.Noop{}))
			spoil(t, s)
			_, err := s.run(t, order)
			want := "trust.bad_owner"
			if strings.HasPrefix(name, "a pipe") {
				want = "trust.bad_file"
			}
			var p *action.Refusal
			if !errors.As(err, &p) || p.Code != want || !strings.HasPrefix(p.Detail, s.root+"/") {
				t.Errorf("%v, want %s and the path", err, want)
			}
		})
	}
}

// TestLostStateIsAnError: what a host has seen is never taken for nothing.
func TestLostStateIsAnError(t *testing.T) {
	s := newSite(t)
	s.do(t, eat.Noop{})
	for _, name := range []string{"state.json", "key"} {
		path := filepath.Join(s.root, "var/lib/picket-wrapper", name)
		must(t, os.Rename(path, path+".away"))
		if _, err := s.run(t, s.deliver(t, s.token(t, eat.Noop{}))); err == nil {
			t.Errorf("it goes on without %s", name)
		}
		must(t, os.Rename(path+".away", path))
	}
	for _, name := range []string{"state.json", "ledger/" + eattest.TokenID[:20] + "001001"} {
		path := filepath.Join(s.root, "var/lib/picket-wrapper", name)
		must(t, os.WriteFile(path, []byte(`{"v":1`), 0o600))
		if _, err := s.run(t, s.deliver(t, s.token(t, eat.Noop{}))); err == nil || !strings.Contains(err.Error(), "state.bad_file") {
			t.Errorf("half of %s: %v", name, err)
		}
		must(t, os.Remove(path))
		if name == "state.json" {
			_, err := Setup(s.root)
			must(t, err)
		}
	}
}

// TestEndlessOrder: standard input is read to its bound and no further.
func TestEndlessOrder(t *testing.T) {
	s := newSite(t)
	zero, err := os.Open("/dev/zero")
	must(t, err)
	defer zero.Close()
	var p *action.Refusal
	if err := Run(s.config(), zero, &bytes.Buffer{}); !errors.As(err, &p) || p.Code != "eat.too_large" {
		t.Errorf("%v", err)
	}
	for name, order := range map[string][]byte{"a space": []byte(" "), "half": s.deliver(t, s.token(t, eat.Noop{}))[:500], "noise": []byte("\x00\xff{}")} {
		if got, err := s.run(t, order); err == nil || len(got) > 0 {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	silent, held, err := os.Pipe()
	must(t, err)
	defer held.Close()
	defer silent.Close()
	cfg := s.config()
	cfg.patience = 20 * time.Millisecond
	if err := Run(cfg, silent, &bytes.Buffer{}); !errors.As(err, &p) || p.Code != "wrapper.no_order" {
		t.Errorf("a caller that says nothing: %v", err)
	}
	if len(s.spooled(t)) != 0 {
		t.Error("whoever has no key filled the spool")
	}
}

// TestEmptyOrderPrintsReceipts: it is no error and does nothing, not even what
// a killed wrapper left to do.
func TestEmptyOrderPrintsReceipts(t *testing.T) {
	s := newSite(t)
	if got, err := s.run(t, nil); err != nil || len(got) != 0 {
		t.Errorf("a host that was told nothing: %v, %+v", err, got)
	}
	done := s.do(t, eat.Noop{})
	p := target(t)
	token := s.token(t, eat.SuspendProcess{Process: p, Lifetime: 600})
	if !s.killedAt(t, s.deliver(t, token), "acted") {
		t.Fatal("it was not killed")
	}
	state := filepath.Join(s.root, "var/lib/picket-wrapper")
	before := contents(t, state)
	got, err := s.run(t, nil)
	if err != nil || len(got) != 1 || got[0].Token != done.Token {
		t.Errorf("%v, %+v", err, got)
	}
	if diff := cmp.Diff(before, contents(t, state)); diff != "" || !isStopped(t, p) {
		t.Errorf("something was done (-before +after):\n%s", diff)
	}
	s.leases(t)
	if got, err := s.run(t, nil); err != nil || len(got) != 2 || got[1].Token != token.ID {
		t.Errorf("after the timer: %v, %+v", err, got)
	}
	must(t, os.Chmod(filepath.Join(s.root, policyFile), 0o666))
	if got, err := s.run(t, nil); err == nil || len(got) != 0 {
		t.Errorf("a host whose policy others can write: %v, %+v", err, got)
	}
}

// contents are the files below dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	}))
	return files
}

// TestFullDisk: what cannot be written down is not done.
func TestFullDisk(t *testing.T) {
	s := newSite(t)
	state := filepath.Join(s.root, "var/lib/picket-wrapper")
	p := target(t)
	key, err := os.ReadFile(filepath.Join(state, "key"))
	must(t, err)
	must(t, unix.Mount("picket", state, "tmpfs", 0, "size=128k,mode=0700"))
	t.Cleanup(func() { unix.Unmount(state, unix.MNT_DETACH) })
	must(t, os.WriteFile(filepath.Join(state, "key"), key, 0o600))
	_, err = Setup(s.root)
	must(t, err)
	filler := filepath.Join(state, "filler")
	must(t, os.Mkdir(filepath.Join(state, "ledger"), 0o700))
	must(t, os.Mkdir(filepath.Join(state, "receipts"), 0o700))
	must(t, os.WriteFile(filepath.Join(state, "lock"), nil, 0o600))
	f, err := os.Create(filler)
	must(t, err)
	for block := make([]byte, 512); err == nil; {
		_, err = f.Write(block)
	}
	f.Close()
	token := s.token(t, eat.SuspendProcess{Process: p, Lifetime: 600})
	order := s.deliver(t, token)
	if _, err := s.run(t, order); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%v", err)
	}
	if isStopped(t, p) {
		t.Error("it acted without writing it down")
	}
	must(t, os.Remove(filler))
	if got, err := s.run(t, order); err != nil || !slices.Contains([]string{eat.OutcomeDone, eat.OutcomeUnknown, eat.OutcomeRefused}, got[len(got)-1].Outcome) {
		t.Errorf("with room again: %v, %+v", err, got)
	}
}

// TestThreat_W10_PolicyIsTheCeiling: with the hub's key alone nothing is done
// that the host's policy forbids or that operators must sign.
func TestThreat_W10_PolicyIsTheCeiling(t *testing.T) {
	s := newSite(t)
	p := target(t)
	try := func(args eat.Args) string {
		t.Helper()
		got, err := s.run(t, s.hub.Deliver(t, s.token(t, args), s.seen))
		must(t, err)
		return got[len(got)-1].Refusal
	}
	if id := try(eat.KillProcess{Process: p}); id != eat.ErrThresholdNotMet.ID {
		t.Errorf("kill without an operator: %q", id)
	}
	delete(s.policy.Actions, eat.ActionSuspendProcess)
	s.policy.Actions[eat.ActionNoop] = eat.ActionRule{Rate: 2}
	s.write(t, policyFile, s.policy)
	if id := try(eat.SuspendProcess{Process: p, Lifetime: 60}); id != eat.ErrNotAllowed.ID {
		t.Errorf("what is not in the policy: %q", id)
	}
	for i, want := range []string{"", "", eat.ErrRate.ID} {
		if id := try(eat.Noop{}); id != want {
			t.Errorf("noop %d: %q, want %q", i+1, id, want)
		}
		s.noteSeen(t)
	}
	s.policy.Protected.Executables = append(s.policy.Protected.Executables, "sleep")
	s.policy.Actions[eat.ActionSuspendProcess] = eat.ActionRule{}
	s.write(t, policyFile, s.policy)
	if id := try(eat.SuspendProcess{Process: p, Lifetime: 60}); id != "policy.protected_target" {
		t.Errorf("a protected program: %q", id)
	}
	if isStopped(t, p) {
		t.Error("it was stopped")
	}
}

// TestAttestation: the wrapper hashes for itself, with the hub's nonce.
func TestAttestation(t *testing.T) {
	s := newSite(t)
	sensor := filepath.Join(s.root, sensorPath)
	must(t, os.MkdirAll(filepath.Dir(sensor), 0o755))
	must(t, os.WriteFile(sensor, []byte("sensor"), 0o755))
	nonce := strings.Repeat("ab", 32)
	r := s.do(t, eat.Attest{Nonce: nonce})
	if r.Effect["nonce"] != nonce || r.Effect["file.sensor"] != digest(sensor, 1<<20) || r.Effect["file.trust"] == "absent" || r.Effect["file.sudoers"] != "absent" || r.Effect["running"] != "0" {
		t.Errorf("%+v", r.Effect)
	}
}

// TestAccountsAndKeysComeBackByteForByte: by name, by release, and at the end of
// the lease.
func TestAccountsAndKeysComeBackByteForByte(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxc mallory@lab"
	s := newSite(t)
	home := filepath.Join(s.root, "home/mallory/.ssh")
	must(t, os.MkdirAll(home, 0o700))
	must(t, os.Chown(filepath.Dir(home), 1001, 1001))
	must(t, os.Chown(home, 1001, 1001))
	files := map[string]string{
		"etc/passwd":                        "root:x:0:0:root:/root:/bin/bash\nmallory:x:1001:1001::/home/mallory:/bin/sh\nalice:x:1002:1002::/home/alice:/bin/sh\n",
		"etc/shadow":                        "root:*:20000::::::\nmallory:$y$j9T$x$y:20000:0:99999:7:::\nalice:$y$j9T$z$z:20000:0:99999:7:::\n",
		"home/mallory/.ssh/authorized_keys": "# my keys\n" + key + "\n\nrestrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA other",
	}
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(s.root, name), []byte(text), 0o640))
	}
	must(t, os.Chown(filepath.Join(home, "authorized_keys"), 1001, 1001))
	sum := sha256.Sum256(mustDecode(t, strings.Fields(key)[1]))
	fingerprint := "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	same := func(when string) {
		t.Helper()
		for name, text := range files {
			got, err := os.ReadFile(filepath.Join(s.root, name))
			info, statErr := os.Stat(filepath.Join(s.root, name))
			if err != nil || statErr != nil || string(got) != text || info.Mode().Perm() != 0o640 {
				t.Errorf("%s: %s is %q with %v, %v", when, name, got, info.Mode(), err)
			}
		}
	}
	for _, c := range []struct {
		file string
		args eat.Args
		back func(token string) eat.Args
	}{
		{"etc/shadow", eat.DisableUser{Name: "mallory", Lifetime: 600}, func(string) eat.Args { return eat.EnableUser{Name: "mallory"} }},
		{"home/mallory/.ssh/authorized_keys", eat.RevokeSSHKey{Fingerprint: fingerprint, Lifetime: 600}, func(string) eat.Args { return eat.RestoreSSHKey{Fingerprint: fingerprint} }},
		{"etc/shadow", eat.DisableUser{Name: "mallory", Lifetime: 600}, func(token string) eat.Args { return eat.Release{Token: token} }},
		{"home/mallory/.ssh/authorized_keys", eat.RevokeSSHKey{Fingerprint: fingerprint, User: "mallory", Lifetime: 600}, nil},
	} {
		r := s.do(t, c.args)
		got, err := os.ReadFile(filepath.Join(s.root, c.file))
		must(t, err)
		if r.Outcome != eat.OutcomeDone || string(got) == files[c.file] {
			t.Fatalf("%T: %+v, and %s is %q", c.args, r, c.file, got)
		}
		if c.back == nil {
			s.after += 10 * time.Minute
			s.leases(t)
		} else if r := s.do(t, c.back(r.Token)); r.Outcome != eat.OutcomeDone {
			t.Fatalf("back from %T: %+v", c.args, r)
		}
		same(fmt.Sprintf("%T", c.args))
	}
	// Nobody but alice could log in without mallory; then not she either.
	s.do(t, eat.DisableUser{Name: "mallory", Lifetime: 600})
	if r := s.do(t, eat.DisableUser{Name: "alice", Lifetime: 600}); r.Refusal != "account.last_login" {
		t.Errorf("the last way in: %+v", r)
	}
	must(t, os.WriteFile(filepath.Join(s.root, "etc/shadow"), []byte("root:*:20000::::::\nmallory:!:20000::::::\nalice:!:20000::::::\n"), 0o640))
	must(t, os.WriteFile(filepath.Join(home, "authorized_keys"), []byte(key+"\n"), 0o640))
	revoke := eat.RevokeSSHKey{Fingerprint: fingerprint, Lifetime: 600}
	if r := s.do(t, revoke); r.Refusal != "sshkey.last_login" {
		t.Errorf("the last key: %+v", r)
	}
	s.policy.AllowLastLogin = true
	s.write(t, policyFile, s.policy)
	if r := s.do(t, revoke); r.Outcome != eat.OutcomeDone {
		t.Errorf("the last key, with the policy's word: %+v", r)
	}
}

func mustDecode(t *testing.T, s string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s)
	must(t, err)
	return raw
}

// TestEvidence: what is collected stays with root where nobody is named to whom
// it could be sealed, and the receipt has its hash.
func TestEvidence(t *testing.T) {
	s := newSite(t)
	must(t, os.Mkdir(filepath.Join(s.root, "tmp"), 0o755))
	must(t, os.WriteFile(filepath.Join(s.root, "tmp/note"), []byte("ransom"), 0o600))
	r := s.do(t, eat.CollectEvidence{What: []string{"processes", "files"}, Files: []eat.Path{eat.PathOf("/tmp/note")}, MaxBytes: 8 << 20, MaxSeconds: 20})
	bundle := filepath.Join(s.root, "var/lib/picket-wrapper/evidence", r.Token)
	data, err := os.ReadFile(bundle)
	must(t, err)
	info, err := os.Stat(bundle)
	must(t, err)
	if r.Outcome != eat.OutcomeDone || r.Effect["sha256"] != digest(bundle, 1<<30) || info.Mode().Perm() != 0o600 ||
		!bytes.Contains(data, []byte(base64.StdEncoding.EncodeToString([]byte("ransom")))) || r.Effect["chunks"] != "0" || r.Effect["kept_here"] == "" {
		t.Errorf("%+v, %v", r, info.Mode())
	}
	if r := s.do(t, eat.CollectEvidence{What: []string{"files"}, Files: []eat.Path{eat.PathOf("/etc/shadow")}, MaxBytes: 8 << 20, MaxSeconds: 20}); r.Refusal != eat.ErrProtectedTarget.ID {
		t.Errorf("a file that the policy does not name: %+v", r)
	}
}
