package e2e_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/internal/testaudit"
	"picket.internal/internal/testneed"
)

// TestAlertNamesWhoReadACanary is the promise of a canary, by each way that a
// host can have to keep it: the alert in the hub's store names the program that
// read it, its number, its user and its hash. An alert may know less where the
// reader was gone too soon, so there are several tries; what it does name must
// be right each time.
func TestAlertNamesWhoReadACanary(t *testing.T) {
	testneed.Root(t)
	t.Run("audit", func(t *testing.T) {
		audit, hub := testaudit.On(t), newHub(t)
		h := newHost(t, hub, beating, 1)
		audit.Add(t, h.canaries[0])
		awaitNamed(t, hub, h, fact.AttributionAudit)
		assertDoctor(t, h, "connector", "audit", "audit_rules", "attribution")
		awaitSources(t, hub, "scan", "connector", "inotify", "fanotify", "audit")
	})
	t.Run("fanotify", func(t *testing.T) {
		hub := newHub(t)
		h := newHost(t, hub, beating, 1)
		awaitNamed(t, hub, h, fact.AttributionFanotify)
		assertDoctor(t, h, "connector", "fanotify", "attribution")
	})
	t.Run("proc", func(t *testing.T) {
		hub := newHub(t)
		h := newHostAs(t, hub, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, beating, 1)
		awaitNamed(t, hub, h, fact.AttributionProc)
		assertDoctor(t, h, "connector")
		awaitSources(t, hub, "scan", "connector", "inotify")
	})
}

// beating has a sensor tell of itself often.
var beating = map[string]any{"heartbeat": "1s"}

// awaitSources returns when the sensor says that its facts come from these, and
// from nothing else.
func awaitSources(t *testing.T, hub *rig, sources ...string) {
	t.Helper()
	awaitFact(t, hub, "heartbeat with the sources "+strings.Join(sources, " "), fact.KindSensor, func(f *fact.Fact) bool {
		return f.Sensor.Watching != nil && slices.Equal(f.Sensor.Watching.Sources, sources)
	})
}

// awaitNamed reads the canary until an alert names the reader in this way and
// with its hash.
func awaitNamed(t *testing.T, hub *rig, h *host, how string) {
	t.Helper()
	cat, err := filepath.EvalSymlinks("/usr/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	sum, user, uid := digestOf(t, cat), "root", "0"
	if h.as != nil { // a sensor without rights knows the processes of its own user
		user, uid = "nobody", "65534"
	}
	const tries = 20
	told, cats := map[string]int{}, map[int64]bool{}
	for try := range tries {
		cmd := exec.Command(cat, h.canaries[0])
		cmd.SysProcAttr = h.as
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cat: %v\n%s", err, out)
		}
		cats[int64(cmd.Process.Pid)] = true // the alert may be of the second read of the one before
		a := nextAlert(t, hub, h)
		f := factOf(t, a)
		told[f.Canary.Attribution]++
		p := f.Process
		if p == nil {
			if f.Canary.Attribution != fact.AttributionNone || f.User != nil {
				t.Errorf("attribution %q without a process, by user %+v", f.Canary.Attribution, f.User)
			}
			continue
		}
		if !cats[p.PID] || p.Executable != "" && p.Executable != cat || p.Hash != nil && p.Hash.SHA256 != sum ||
			f.User != nil && (f.User.Name != user || f.User.ID != uid) {
			t.Fatalf("read by %s, process %d, user %s, %s; told as %s", cat, cmd.Process.Pid, user, sum, a.Facts[0])
		}
		if f.Canary.Attribution != how || p.Executable == "" || f.User == nil || p.Hash == nil {
			t.Logf("try %d: attribution %s, executable %q, hash %s", try, f.Canary.Attribution, p.Executable, p.HashStatus)
			continue
		}
		for _, part := range []string{h.canaries[0], cat, strconv.FormatInt(p.PID, 10), user} {
			if !strings.Contains(a.Message, part) {
				t.Errorf("the alert does not say %q: %s", part, a.Message)
			}
		}
		t.Logf("try %d: %s", try, a.Message)
		return
	}
	t.Errorf("in %d tries no alert names the reader by %s, with its hash: %v", tries, how, told)
}

// nextAlert waits for the alert of one more read of the host's canary.
func nextAlert(t *testing.T, hub *rig, h *host) api.Alert {
	t.Helper()
	c := hub.client()
	end := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		for a, err := range c.Alerts(t.Context(), api.AlertQuery{RuleID: "canary.read", Limit: 1}) {
			if err != nil {
				t.Fatal(err)
			}
			if a.ID != h.alert {
				h.alert = a.ID
				return a
			}
		}
		if time.Now().After(end) {
			t.Fatal("a read of a canary has no alert")
		}
	}
}

func factOf(t *testing.T, a api.Alert) *fact.Fact {
	t.Helper()
	if len(a.Facts) != 1 {
		t.Fatalf("the alert has %d facts", len(a.Facts))
	}
	f, _, err := fact.Parse(a.Facts[0])
	if err != nil || f.Canary == nil {
		t.Fatalf("the alert has the fact %s (%v)", a.Facts[0], err)
	}
	return f
}

// assertDoctor asks the doctor, as the user that the sensor runs as, whether
// these are there.
func assertDoctor(t *testing.T, h *host, checks ...string) {
	t.Helper()
	cmd := exec.Command(h.program, "doctor", "--json", "--config", h.config)
	cmd.SysProcAttr = h.as
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("picket-sensor doctor: %v\n%s", err, out)
	}
	ok := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		var found struct {
			Check string
			OK    bool
		}
		if err := json.Unmarshal([]byte(line), &found); err != nil {
			t.Fatalf("the doctor prints %q: %v", line, err)
		}
		ok[found.Check] = found.OK
	}
	for _, check := range checks {
		if !ok[check] {
			t.Errorf("the doctor does not say that %s is there:\n%s", check, out)
		}
	}
}
