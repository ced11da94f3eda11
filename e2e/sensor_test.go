package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
)

// host is a real picket-sensor with a folder, canaries and a copy of its
// program of its own.
type host struct {
	dir      string
	program  string
	config   string
	canaries []string
	proc     *program
	as       *syscall.SysProcAttr // the user; nil is the test's own
	alert    string               // the last one that the test has seen
}

// newHost enrolls this machine with hub by the command and starts the sensor.
func newHost(t testing.TB, hub *rig, settings map[string]any, canaries int) *host {
	t.Helper()
	return newHostAs(t, hub, nil, settings, canaries)
}

// newHostAs is newHost with a sensor, a folder and canaries of another user.
func newHostAs(t testing.TB, hub *rig, as *syscall.SysProcAttr, settings map[string]any, canaries int) *host {
	t.Helper()
	h := enrollHost(t, hub, as, settings, canaries)
	h.start(t)
	awaitWatching(t, hub, canaries)
	return h
}

// enrollHost enrolls this machine with hub by the command.
func enrollHost(t testing.TB, hub *rig, as *syscall.SysProcAttr, settings map[string]any, canaries int) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{dir: dir, program: filepath.Join(dir, "picket-sensor"), config: filepath.Join(dir, "sensor.json"), as: as}
	copyFile(t, filepath.Join(bin, "picket-sensor"), h.program)
	config := map[string]any{"state_dir": filepath.Join(dir, "state")}
	var list []map[string]string
	for i := range canaries {
		path := filepath.Join(dir, "canary"+string(rune('a'+i)))
		if err := os.WriteFile(path, []byte("AWS_SECRET=0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.canaries = append(h.canaries, path)
		list = append(list, map[string]string{"id": filepath.Base(path), "path": path})
	}
	config["canaries"] = list
	for name, value := range settings {
		config[name] = value
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.config, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if as != nil {
		for _, path := range append([]string{dir, h.config}, h.canaries...) {
			if err := os.Chown(path, int(as.Credential.Uid), int(as.Credential.Gid)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // so that the user gets there
			t.Fatal(err)
		}
	}
	enroll := exec.Command(h.program, "enroll", "--config", h.config)
	enroll.SysProcAttr = as
	enroll.Stdin = strings.NewReader(hub.token(1).String() + "\n")
	if out, err := enroll.CombinedOutput(); err != nil {
		t.Fatalf("picket-sensor enroll: %v\n%s", err, out)
	}
	return h
}

func (h *host) start(t testing.TB) {
	t.Helper()
	h.proc = startAs(t, h.as, h.program, "run", "--config", h.config)
}

// awaitWatching returns when a heartbeat has told the hub that the canaries are watched.
func awaitWatching(t testing.TB, hub *rig, canaries int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	c := hub.client()
	for ; ; <-tick.C {
		for stored, err := range c.Facts(t.Context(), api.FactQuery{Kind: string(fact.KindSensor), Limit: 50}) {
			if err != nil {
				t.Fatal(err)
			}
			f, _, err := fact.Parse(stored.Fact)
			if err == nil && f.Sensor != nil && f.Sensor.Watching != nil && f.Sensor.Watching.Canaries >= int64(canaries) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the sensor does not say that it watches %d canaries", canaries)
		}
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCanaryBecomesAnAlert(t *testing.T) {
	hub := newHub(t)
	h := newHost(t, hub, nil, 3)
	c := hub.client()
	touch := time.Now()
	if out, err := exec.Command("cat", h.canaries[1]).CombinedOutput(); err != nil {
		t.Fatalf("cat: %v\n%s", err, out)
	}
	a := awaitAlert(t, c, "canary.read", 10*time.Second)
	if len(a.Facts) == 0 || !bytes.Contains(a.Facts[0], []byte(h.canaries[1])) {
		t.Errorf("the alert does not name the canary %s: %s", h.canaries[1], a.Facts)
	}
	t.Logf("touch to stored alert: %v", a.Stored.Sub(touch))
	h.proc.stop(t)
	hub.proc.stop(t)
	hub.check()
}

// TestReplacedSensorBinaryIsNamed flips one byte of the sensor's program on
// disk. The running image stays what it was; the hub must name both hashes.
func TestReplacedSensorBinaryIsNamed(t *testing.T) {
	hub := newHub(t, "--heartbeat", "1s")
	h := newHost(t, hub, map[string]any{"heartbeat": "1s"}, 1)
	before := digestOf(t, h.program)
	data, err := os.ReadFile(h.program)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(h.program+".new", data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(h.program+".new", h.program); err != nil {
		t.Fatal(err)
	}
	after := digestOf(t, h.program)
	a := awaitAlert(t, hub.client(), "integrity.sensor", 10*time.Second)
	text := string(bytes.Join(jsonBytes(a), nil))
	if !strings.Contains(text, before) || !strings.Contains(text, after) {
		t.Errorf("the alert must name %s and %s:\n%s\n%s", before, after, a.Message, text)
	}
}

func jsonBytes(a api.Alert) [][]byte {
	var out [][]byte
	for _, f := range a.Facts {
		out = append(out, f)
	}
	return out
}

func digestOf(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// TestKilledSensorIsMissed ends the sensor without a word: the alert must come
// from the hub alone, and a sensor that comes back is heard again.
func TestKilledSensorIsMissed(t *testing.T) {
	hub := newHub(t, "--heartbeat", "1s")
	h := newHost(t, hub, map[string]any{"heartbeat": "1s"}, 1)
	h.proc.kill()
	awaitAlert(t, hub.client(), "sensor.silent", 15*time.Second)
	h.start(t)
	deadline := time.Now().Add(15 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for silent := true; silent; <-tick.C {
		for one, err := range hub.client().Hosts(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			silent = one.Silent
		}
		if time.Now().After(deadline) {
			t.Fatal("a sensor that came back is still called silent")
		}
	}
}
