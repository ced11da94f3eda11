package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/sensor/send"
	"picket.internal/wire"
)

// bin is the folder of the programs, built once for all tests.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "picket-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	code := 1
	if err := buildPrograms(dir); err != nil {
		fmt.Fprintln(os.Stderr, "building the programs:", err)
	} else {
		code = m.Run()
		endStanding()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// buildPrograms builds what ships, with the flags that it ships with.
func buildPrograms(dir string) error {
	cmd := exec.Command("make", "-s", "-C", "..", "build", "STATIC=1", "BIN="+dir)
	cmd.Env = append(os.Environ(), "CGO_CFLAGS=") // make unit has its own
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make build: %w\n%s", err, out)
	}
	return nil
}

// program is a process that the test started and will end.
type program struct {
	name string
	cmd  *exec.Cmd
	out  *bufio.Reader // standard output
	log  *tail         // standard error
	once sync.Once
	done chan struct{}
	err  error // how it ended; read after done
}

// tail keeps what a program wrote last, for the report of a failed test.
type tail struct {
	mu   sync.Mutex
	data []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data = append(l.data, p...)
	if over := len(l.data) - 8<<10; over > 0 {
		l.data = l.data[over:]
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.data)
}

// start runs one of the programs; it ends with the test at the latest.
func start(t testing.TB, path string, args ...string) *program {
	t.Helper()
	return startAs(t, nil, path, args...)
}

// startAs is start as another user.
func startAs(t testing.TB, as *syscall.SysProcAttr, path string, args ...string) *program {
	t.Helper()
	p := &program{name: filepath.Base(path), cmd: exec.Command(path, args...), log: new(tail), done: make(chan struct{})}
	p.cmd.SysProcAttr = as
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(stdout)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", p.name, err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %s wrote at last:\n%s", p.name, strings.Join(args, " "), p.log)
		}
	})
	return p
}

// reap waits for the process and remembers how it ended.
func (p *program) reap() {
	p.once.Do(func() {
		io.Copy(io.Discard, p.out)
		p.err = p.cmd.Wait()
		close(p.done)
	})
	<-p.done
}

// kill ends the process as a power cut would.
func (p *program) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	p.reap()
}

// stop asks the process to end and fails the test where it does not, or not well.
func (p *program) stop(t testing.TB) {
	t.Helper()
	timer := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Signal(syscall.SIGKILL) })
	defer timer.Stop()
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.reap()
	if p.err != nil {
		t.Errorf("%s did not end well: %v\n%s", p.name, p.err, p.log)
	}
}

// rig is a hub with its folder; the process may come and go.
type rig struct {
	t      testing.TB
	dir    string
	listen string // the same at each start, so that sensors find it again
	args   []string
	via    []string // what starts the hub and its clients elsewhere, as in "ip netns exec NAME"; empty means here
	proc   *program
}

// newHub makes a hub and starts it.
func newHub(t testing.TB, args ...string) *rig {
	t.Helper()
	return newHubAt(t, nil, freeAddress(t), args...)
}

// newHubAt is newHub for an address that is the machine's only by way of a
// command.
func newHubAt(t testing.TB, via []string, listen string, args ...string) *rig {
	t.Helper()
	h := &rig{t: t, dir: filepath.Join(t.TempDir(), "hub"), listen: listen, args: args, via: via}
	out, err := exec.Command(filepath.Join(bin, "picket-hub"), "init", "--dir", h.dir, "--listen", h.listen).CombinedOutput()
	if err != nil {
		t.Fatalf("picket-hub init: %v\n%s", err, out)
	}
	h.start()
	return h
}

// start runs the hub and returns when it takes connections.
func (h *rig) start() {
	h.t.Helper()
	// Attestations come only where a test asks: their receipts would be in the way of others.
	args := append([]string{"serve", "--json", "--dir", h.dir, "--listen", h.listen, "--ui", "127.0.0.1:0", "--attest", "0"}, h.args...)
	whole := append(slices.Clone(h.via), filepath.Join(bin, "picket-hub"))
	whole = append(whole, args...)
	h.proc = start(h.t, whole[0], whole[1:]...)
	line, err := h.proc.out.ReadString('\n')
	if err != nil {
		h.t.Fatalf("picket-hub serve ended before it was ready: %v\n%s", err, h.proc.log)
	}
	var ready struct{ Event, Hub string }
	if err := json.Unmarshal([]byte(line), &ready); err != nil || ready.Event != "ready" {
		h.t.Fatalf("picket-hub serve began with %q (%v)", line, err)
	}
}

// client returns a client of the hub's API.
func (h *rig) client() *client.Client {
	h.t.Helper()
	c, err := client.New(client.Options{Profile: h.dir})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(c.Close)
	return c
}

// token makes an enrollment token good for n hosts.
func (h *rig) token(n int) *wire.Token {
	h.t.Helper()
	reply, err := h.client().CreateEnrollToken(h.t.Context(), api.EnrollTokenRequest{TTLSeconds: 600, Uses: n})
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := wire.ParseToken(reply.Token)
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

// enroll makes one host, with a machine id of its own.
func (h *rig) enroll(token *wire.Token, n int) *send.Identity {
	h.t.Helper()
	state, err := send.CreateState(filepath.Join(h.t.TempDir(), "state"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { state.Close() })
	machine := send.Machine{ID: fmt.Sprintf("%064x", n+1), Name: fmt.Sprintf("host%02d", n), OS: "linux", Kernel: "6", Architecture: "amd64"}
	id, stands, err := state.Enroll(h.t.Context(), token, machine, "test")
	if err != nil || stands != "enrolled" {
		h.t.Fatalf("enrolling host %d: state %q, %v", n, stands, err)
	}
	return id
}

// check has the hub verify every stored signature and chain.
func (h *rig) check() {
	h.t.Helper()
	out, err := exec.Command(filepath.Join(bin, "picket-hub"), "check", "--dir", h.dir).CombinedOutput()
	if err != nil {
		h.t.Errorf("picket-hub check: %v\n%s", err, out)
	}
	h.t.Logf("picket-hub check: %s", strings.TrimSpace(string(out)))
}

// awaitAlert returns the first alert of the rule, now or to come.
func awaitAlert(t testing.TB, c *client.Client, rule string, within time.Duration) api.Alert {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for a, err := range c.Alerts(ctx, api.AlertQuery{RuleID: rule, Limit: 1}) {
			if err != nil {
				t.Fatalf("waiting for an alert of %s: %v", rule, err)
			}
			return a
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no alert of %s within %v", rule, within)
		}
	}
}
