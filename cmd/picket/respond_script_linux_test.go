package main_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/internal/testneed"
)

// played is a hub in this process with one host, whose sensor and wrapper the
// script plays.
type played struct {
	hub     *hubtest.Hub
	host    *hubtest.Host
	wrapper *hubtest.Wrapper
	last    *eat.Receipt // that was sent
}

// saw writes the files in which a wrapper keeps what its host has seen.
func (p *played) saw(receipt, state string) error {
	sealed, _, err := eat.SealReceipt(*p.last, p.wrapper.Key)
	if err != nil {
		return err
	}
	memory, err := json.Marshal(map[string]any{"v": 1, "size": p.wrapper.Seen.N, "hash": p.wrapper.Seen.Hash.String(), "checkpoint": string(p.wrapper.Checkpoint)})
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(receipt, sealed, 0o600), os.WriteFile(state, memory, 0o600))
}

// evidence is what the played wrapper gathers.
var evidence = []byte(`{"kind":"login","table":"wtmp"}` + "\n" + `{"kind":"cut","why":"nothing"}` + "\n")

// TestRespondScripts runs the real picket against a real hub with the policies
// of testdata/respond/policies and one played host:
//
//	touch EXECUTABLE PID   the host tells that a process read a canary
//	agent                  an ssh-agent of the script's own is started
//	orders                 the host asks for orders, once, and its wrapper acts
//	fork                   the hub's log key has signed another log for the host
//	saw RECEIPT STATE      files as the wrapper keeps them: its newest receipt, and its state.json
func TestRespondScripts(t *testing.T) {
	folder, err := filepath.Abs("testdata/respond/policies")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/respond/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) { respondScript(t, script, folder) })
	}
}

func respondScript(t *testing.T, script, folder string) {
	if filepath.Base(script) == "agent.txt" {
		for _, name := range []string{"ssh-agent", "ssh-add", "ssh-keygen"} {
			testneed.Command(t, name, "apt-get install openssh-client")
		}
	}
	p := &played{hub: hubtest.New(t, func(c *hub.Config) { c.Policies = folder })}
	p.host = p.hub.Enroll()
	p.wrapper = p.host.Wrapper()
	p.wrapper.Evidence = evidence
	testscript.Run(t, testscript.Params{
		Files:         []string{script},
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
			e.Setenv("PICKET_DIR", p.hub.Dir)
			e.Setenv("HOST", p.host.ID)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"pick":  pick,
			"until": untilOutput,
			"agent": startAgent,
			"touch": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: touch EXECUTABLE PID")
				}
				pid, err := strconv.ParseInt(args[1], 10, 64)
				ts.Check(err)
				f := p.host.Canary("/root/.aws/credentials")
				f.Process.Executable, f.Process.PID, f.Process.StartTicks = args[0], pid, 918273
				f.Process.Hash = &fact.Hash{SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
				if _, err := p.host.Send(f); err != nil {
					ts.Fatalf("%v", err)
				}
			},
			"orders": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 0 {
					ts.Fatalf("usage: orders")
				}
				r, err := p.wrapper.Next()
				if err != nil {
					ts.Fatalf("%v", err)
				}
				p.last = r
				ts.Logf("the wrapper says %s %s", r.Outcome, r.Refusal)
			},
			"fork": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 0 {
					ts.Fatalf("usage: fork")
				}
				p.wrapper.SeeFork()
			},
			"saw": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: saw RECEIPT STATE")
				}
				ts.Check(p.saw(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
			},
		},
	})
}

// startAgent starts an ssh-agent without keys, for this script alone.
func startAgent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: agent")
	}
	dir, err := os.MkdirTemp("", "picket-agent-") // a socket's path must be short
	ts.Check(err)
	socket := filepath.Join(dir, "s")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		os.RemoveAll(dir)
	})
	// It says where it listens once it does.
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		ts.Fatalf("starting ssh-agent: %v", err)
	}
	ts.Setenv("SSH_AUTH_SOCK", socket)
}

// untilOutput COMMAND... REGEXP runs a command until its output matches.
func untilOutput(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND [ARGS...]")
	}
	untilMatches(ts, args[0], args[1], args[2:])
}
