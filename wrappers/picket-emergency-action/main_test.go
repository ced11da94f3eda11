//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
	"picket.internal/internal/testneed"
)

// These tests run the program that ships, as root, in a root of its own: what it
// believes lies below "/", and nothing of this machine may be changed.

const program = "/usr/libexec/picket/picket-emergency-action"

// jail is a root with the wrapper in it and nothing else but /proc.
type jail struct {
	root    string
	hub     *eattest.Hub
	key     envelope.PublicKey
	counter uint64
	seen    int64
}

func newJail(t *testing.T) *jail {
	t.Helper()
	testneed.Root(t)
	j := &jail{root: t.TempDir(), hub: eattest.NewHub(t)}
	for _, dir := range []string{"etc/picket/trust", "var/lib", "usr/libexec/picket", "proc"} {
		must(t, os.MkdirAll(filepath.Join(j.root, dir), 0o755))
	}
	must(t, unix.Mount("/proc", filepath.Join(j.root, "proc"), "", unix.MS_BIND|unix.MS_REC, ""))
	t.Cleanup(func() { unix.Unmount(filepath.Join(j.root, "proc"), unix.MNT_DETACH) })
	for _, name := range []string{"picket-emergency-action", "picket-wrapper-setup"} { // compiled as they ship: other tests have done so
		build := exec.Command("go", "build", "-trimpath", "-gcflags=all=-l", "-o", filepath.Join(j.root, "usr/libexec/picket", name), "picket.internal/wrappers/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", name, err, out)
		}
	}
	trust := eattest.Trust(t)
	trust.HubKeys[0].NotAfter = time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	j.write(t, "etc/picket/trust/trust.json", trust)
	j.write(t, "etc/picket/trust/host.json", map[string]any{"v": 1, "host": eattest.HostID})
	j.write(t, "etc/picket/host-policy.json", eat.DefaultPolicy())
	setup := j.command("/usr/libexec/picket/picket-wrapper-setup")
	out, err := setup.Output()
	must(t, err)
	must(t, j.key.UnmarshalText(bytes.TrimSpace(out)))
	return j
}

func (j *jail) write(t *testing.T, name string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(j.root, name), data, 0o644))
}

// command starts a program of the jail with the environment that sudo leaves.
func (j *jail) command(path string, args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: path, Args: append([]string{path}, args...), Dir: "/", Env: []string{"PATH=/usr/bin:/bin", "HOME=/root", "LOGNAME=root",
		"SUDO_COMMAND=" + program, "SUDO_GID=998", "SUDO_UID=998", "SUDO_USER=picket", "TERM=xterm", "USER=root"}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: j.root}
	return cmd
}

func (j *jail) order(t *testing.T, args eat.Args, operators ...envelope.PrivateKey) []byte {
	t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	must(t, err)
	j.counter++
	token := eattest.Token(args)
	token.Issued = time.Now().UTC().Truncate(time.Millisecond)
	token.NotBefore, token.Expires = token.Issued, token.Issued.Add(time.Minute)
	token.Boot, token.Counter = strings.TrimSpace(string(boot)), j.counter
	token.ID = token.ID[:24] + fmt.Sprintf("%02d", j.counter)
	order := j.hub.Deliver(t, token, j.seen, operators...)
	j.seen = j.hub.Tree(t).N
	return order
}

// last is the last receipt that was printed.
func (j *jail) last(t *testing.T, printed []byte) *eat.Receipt {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(printed), []byte("\n"))
	r, _, err := eat.OpenReceipt(lines[len(lines)-1], j.key)
	must(t, err)
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestThreat_W5_WhoeverCallsShapesNothing: no argument, no user but root and no
// environment of the caller's reaches the program.
func TestThreat_W5_WhoeverCallsShapesNothing(t *testing.T) {
	j := newJail(t)
	t.Run("the environment is its own", func(t *testing.T) {
		cmd := j.command(program)
		in, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err)
		var said bytes.Buffer
		cmd.Stderr = &said
		must(t, cmd.Start())
		want := "PATH=/usr/sbin:/usr/bin:/sbin:/bin\x00"
		var have []byte
		for end := time.Now().Add(10 * time.Second); string(have) != want && time.Now().Before(end); time.Sleep(time.Millisecond) {
			have, err = os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/environ")
			must(t, err)
		}
		if string(have) != want {
			t.Errorf("it works with the environment %q", have)
		}
		_, err = in.Write(j.order(t, eat.Noop{}))
		must(t, err)
		must(t, in.Close())
		printed, err := io.ReadAll(out)
		must(t, err)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s", err, said.String())
		}
		if r := j.last(t, printed); r.Outcome != eat.OutcomeDone {
			t.Errorf("%+v", r)
		}
	})
	for name, c := range map[string]struct {
		change func(*exec.Cmd)
		code   string
	}{
		"GODEBUG":          {func(c *exec.Cmd) { c.Env = append(c.Env, "GODEBUG=asyncpreemptoff=1") }, "wrapper.env_refused"},
		"GOTRACEBACK":      {func(c *exec.Cmd) { c.Env = append(c.Env, "GOTRACEBACK=crash") }, "wrapper.env_refused"},
		"LD_PRELOAD":       {func(c *exec.Cmd) { c.Env = append(c.Env, "LD_PRELOAD=/tmp/x.so") }, "wrapper.env_refused"},
		"an argument":      {func(c *exec.Cmd) { c.Args = append(c.Args, "--help") }, "wrapper.args_refused"},
		"an empty one":     {func(c *exec.Cmd) { c.Args = append(c.Args, "") }, "wrapper.args_refused"},
		"the sensor's uid": {func(c *exec.Cmd) { c.SysProcAttr.Credential = &syscall.Credential{Uid: 998, Gid: 998} }, "wrapper.not_root"},
		"a group":          {func(c *exec.Cmd) { c.SysProcAttr.Credential = &syscall.Credential{Uid: 0, Gid: 998} }, "wrapper.not_root"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := j.command(program)
			c.change(cmd)
			cmd.Stdin = bytes.NewReader(j.order(t, eat.Noop{}))
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.code) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestThreat_P2_FolderOfTheProgram: a folder above the program that others can
// write lets them exchange it.
func TestThreat_P2_FolderOfTheProgram(t *testing.T) {
	j := newJail(t)
	must(t, os.Chmod(filepath.Join(j.root, "usr/libexec"), 0o775))
	cmd := j.command(program)
	cmd.Stdin = bytes.NewReader(j.order(t, eat.Noop{}))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "trust.bad_owner") || !strings.Contains(string(out), "chmod go-w /usr/libexec") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestThreat_W14_NoProgramAndNoNetwork: whatever it is asked for, it starts no
// program but itself anew, and opens no socket but the kernel's own netlink.
func TestThreat_W14_NoProgramAndNoNetwork(t *testing.T) {
	strace := testneed.Command(t, "strace", "apt-get install strace")
	j := newJail(t)
	victim := exec.Command("sleep", "600")
	must(t, victim.Start())
	t.Cleanup(func() { victim.Process.Kill(); victim.Wait() })
	orders := map[string][]byte{}
	for name, args := range map[string]eat.Args{
		"noop":       eat.Noop{},
		"attest":     eat.Attest{Nonce: strings.Repeat("ab", 32)},
		"kill":       eat.KillProcess{Process: eat.Process{PID: int64(victim.Process.Pid), StartTicks: 1, SHA256: strings.Repeat("0", 64)}},
		"quarantine": eat.QuarantineFile{Path: eat.PathOf("/srv/../../bin/ls`id`"), SHA256: strings.Repeat("0", 64), Lifetime: 60},
		"user":       eat.DisableUser{Name: "nobody", Lifetime: 60},
	} {
		if args.Validate() == nil {
			orders[name] = j.order(t, args, eattest.AliceKey)
		}
	}
	orders["noise"] = []byte(`{"action":"../../bin/ls"}`)
	for name, order := range orders {
		log := filepath.Join(t.TempDir(), "log")
		traced := exec.Command(strace, "-f", "-qq", "-o", log, "-e", "trace=execve,execveat,socket,ptrace", "chroot", j.root, program)
		traced.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"}
		traced.Stdin = bytes.NewReader(order)
		out, err := traced.CombinedOutput()
		if err != nil && name != "noise" {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		data, err := os.ReadFile(log)
		must(t, err)
		calls := strings.Split(strings.TrimSpace(string(data)), "\n")
		begun := slices.IndexFunc(calls, func(s string) bool { return strings.Contains(s, `execve("`+program) })
		if begun < 0 {
			t.Fatalf("%s was not started:\n%s", program, data)
		}
		for _, call := range calls[begun+1:] {
			if strings.Contains(call, "<... ") { // the end of a call whose beginning is a line of its own
				continue
			}
			again := strings.Contains(call, `execve("/proc/self/exe"`)
			kernels := strings.Contains(call, "socket(AF_NETLINK")
			if !again && !kernels && (strings.Contains(call, "exec") || strings.Contains(call, "socket(") || strings.Contains(call, "ptrace(")) {
				t.Errorf("%s: %s", name, call)
			}
		}
	}
}
