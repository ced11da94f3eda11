//go:build linux

package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
	"picket.internal/internal/testneed"
)

// The test binary starts itself as a wrapper that is killed at a step.
const (
	roleVar = "PICKET_TEST_GATE_ROOT"
	stepVar = "PICKET_TEST_GATE_STEP"
	timeVar = "PICKET_TEST_GATE_TIME"
)

func TestMain(m *testing.M) {
	root := os.Getenv(roleVar)
	if root == "" {
		os.Exit(m.Run())
	}
	seconds, _ := strconv.ParseInt(os.Getenv(timeVar), 10, 64)
	at, left, _ := strings.Cut(os.Getenv(stepVar), "/")
	times, _ := strconv.Atoi(left)
	cfg := Config{Root: root, Version: "test", Now: func() time.Time { return eattest.Now.Add(time.Duration(seconds) * time.Second) }, step: func(name string) {
		if name != at {
			return
		}
		if times--; times <= 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}}
	if err := Run(cfg, os.Stdin, os.Stdout); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// site is a host in a folder, with a hub that issues tokens for it.
type site struct {
	root    string
	hub     *eattest.Hub
	key     envelope.PublicKey
	policy  eat.HostPolicy
	counter uint64
	seen    int64
	after   time.Duration // the host's clock, after the kit's time
}

func newSite(t testing.TB) *site {
	t.Helper()
	testneed.Root(t)
	s := &site{root: t.TempDir(), hub: eattest.NewHub(t), policy: eat.DefaultPolicy()}
	for _, dir := range []string{"etc/picket/trust", "var/lib"} {
		must(t, os.MkdirAll(filepath.Join(s.root, dir), 0o755))
	}
	var err error
	s.key, err = Setup(s.root)
	must(t, err)
	s.write(t, trustFile, eattest.Trust(t))
	s.write(t, hostFile, identity{V: 1, Host: eattest.HostID})
	s.write(t, policyFile, s.policy)
	return s
}

func (s *site) write(t testing.TB, name string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.root, name), data, 0o644))
}

func (s *site) config() Config {
	return Config{Root: s.root, Version: "test", Now: func() time.Time { return eattest.Now.Add(s.after) }}
}

// token is the next token for the host, of this boot.
func (s *site) token(t testing.TB, args eat.Args) eat.Token {
	t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	must(t, err)
	s.counter++
	token := eattest.Token(args)
	now := eattest.Now.Add(s.after)
	token.Issued, token.NotBefore, token.Expires = now, now, now.Add(5*time.Minute)
	token.Boot, token.Counter = strings.TrimSpace(string(boot)), s.counter
	token.ID = token.ID[:20] + "00" + strings.ToUpper(strconv.FormatUint(1000+s.counter, 10))
	return token
}

// deliver issues a token with the signatures of both operators.
func (s *site) deliver(t testing.TB, token eat.Token) []byte {
	t.Helper()
	return s.hub.Deliver(t, token, s.seen, eattest.AliceKey, eattest.BobKey)
}

// run gives bytes to a wrapper in this process, and returns the receipts that
// it prints.
func (s *site) run(t testing.TB, order []byte) ([]*eat.Receipt, error) {
	t.Helper()
	var out bytes.Buffer
	err := Run(s.config(), stdin(t, order), &out)
	// Behind a socket the empty line is all that tells no receipts from a failure.
	if whole := bytes.HasSuffix(append([]byte("\n"), out.Bytes()...), []byte("\n\n")); err == nil && !whole || err != nil && out.Len() == 1 && len(order) == 0 {
		t.Errorf("after %v it has printed %q", err, out.Bytes())
	}
	return s.receipts(t, out.Bytes()), err
}

// do runs a token and returns its last receipt.
func (s *site) do(t testing.TB, args eat.Args) *eat.Receipt {
	t.Helper()
	token := s.token(t, args)
	order := s.deliver(t, token)
	got, err := s.run(t, order)
	must(t, err)
	if len(got) == 0 || got[len(got)-1].Token != token.ID {
		t.Fatalf("no receipt for %s: %+v", token.ID, got)
	}
	s.noteSeen(t)
	return got[len(got)-1]
}

func (s *site) noteSeen(t testing.TB) {
	t.Helper()
	state, err := openFolder(s.root, "var/lib/picket-wrapper")
	must(t, err)
	defer state.f.Close()
	m, err := loadMemory(state)
	must(t, err)
	s.seen = m.Size
}

// leases runs the timer's program.
func (s *site) leases(t testing.TB) {
	t.Helper()
	must(t, Leases(s.config()))
}

// receipts opens printed receipts, and checks that they are one chain.
func (s *site) receipts(t testing.TB, printed []byte) (out []*eat.Receipt) {
	t.Helper()
	var before *eat.Receipt
	digest := ""
	for line := range bytes.Lines(printed) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		r, sum, err := eat.OpenReceipt(line, s.key)
		must(t, err)
		if before != nil {
			must(t, r.Follows(before, digest))
		}
		before, digest, out = r, sum, append(out, r)
	}
	return out
}

// spooled are all receipts on the disk, in order.
func (s *site) spooled(t testing.TB) []*eat.Receipt {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.root, "var/lib/picket-wrapper/receipts/*"))
	must(t, err)
	var all []byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		must(t, err)
		all = append(append(all, bytes.TrimSpace(data)...), '\n')
	}
	return s.receipts(t, all)
}

func outcomes(receipts []*eat.Receipt, token string) (out []string) {
	for _, r := range receipts {
		if r.Token == token {
			out = append(out, r.Outcome)
		}
	}
	return out
}

// killedAt starts a wrapper that is killed with SIGKILL at a step, the so-many-th
// time that it comes there, and reports whether it was.
func (s *site) killedAt(t testing.TB, order []byte, step string) bool {
	t.Helper()
	cmd := s.wrapper(order, step)
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
		return true
	}
	must(t, err)
	return false
}

func (s *site) wrapper(order []byte, step string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVar + "=" + s.root, stepVar + "=" + step, timeVar + "=" + strconv.Itoa(int(s.after/time.Second)), "GORACE=atexit_sleep_ms=0"}
	cmd.Stdin = bytes.NewReader(order)
	return cmd
}

func stdin(t testing.TB, order []byte) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	go func() {
		w.Write(order)
		w.Close()
	}()
	t.Cleanup(func() { r.Close() })
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// target is a process of the test's own that tokens are about.
func target(t testing.TB) eat.Process {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	exe, err := os.Readlink("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/exe")
	must(t, err)
	for strings.HasSuffix(exe, ".test") { // until it has executed
		exe, err = os.Readlink("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/exe")
		must(t, err)
	}
	stat := stat(t, int64(cmd.Process.Pid))
	start, err := strconv.ParseUint(stat[19], 10, 64)
	must(t, err)
	return eat.Process{PID: int64(cmd.Process.Pid), StartTicks: start, SHA256: digest(exe, 1<<30)}
}

// stat is what follows the name in /proc/PID/stat, the state first.
func stat(t testing.TB, pid int64) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/" + strconv.FormatInt(pid, 10) + "/stat")
	must(t, err)
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}

func isStopped(t testing.TB, p eat.Process) bool { return stat(t, p.PID)[0] == "T" }
