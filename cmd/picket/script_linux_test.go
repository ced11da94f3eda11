package main_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the scripts compare with anew")

// programs is the folder of the real programs, built once for all scripts.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "picket-programs-")
	if err == nil {
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the programs:", err)
		os.Exit(1)
	}
	programs = dir
	flag.Parse()
	// The scripts share the machine's ports and its processes: one at a time.
	if err := flag.Set("test.parallel", "1"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	if out, err := exec.Command("make", "-s", "-C", "../..", "sensor", "BIN="+dir).CombinedOutput(); err != nil {
		return fmt.Errorf("make sensor: %w\n%s", err, out)
	}
	for _, p := range []struct{ name, cgo string }{{"picket", "0"}, {"picket-hub", "1"}} {
		cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, p.name), "../"+p.name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+p.cgo, "CGO_CFLAGS=") // make unit has its own
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", p.name, err, out)
		}
	}
	return nil
}

// TestScripts runs every promise of the command line against the real
// programs, each in a folder of its own.
func TestScripts(t *testing.T) { runScripts(t, "testdata") }

// TestThreat_H7_HostileNamesThroughTheRealPipe names a running program so that
// it would forge rows, write the clipboard and turn the reading direction.
func TestThreat_H7_HostileNamesThroughTheRealPipe(t *testing.T) { runScripts(t, "testdata/hostile") }

func runScripts(t *testing.T, dir string) {
	rules, err := filepath.Abs("../../rules")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           dir,
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("PROGRAMS", programs)
			e.Setenv("RULES", rules)
			e.Defer(func() { endAll(t, e.WorkDir) })
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":    await,
			"signal":   signal,
			"gone":     gone,
			"plain":    plain,
			"lines":    lines,
			"intruder": intruder,
			"pick":     pick,
		},
	})
}

// endAll ends what a script that failed has left behind.
func endAll(t *testing.T, workDir string) {
	for pid, cmdline := range processes(workDir) {
		t.Logf("ending %d %q, which the script left behind", pid, cmdline)
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
}

// processes are those that have word in their command line, this one excluded.
func processes(word string) map[int]string {
	found := map[int]string{}
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range entries {
		var pid int
		if _, err := fmt.Sscanf(path, "/proc/%d/cmdline", &pid); err != nil || pid == os.Getpid() {
			continue
		}
		data, err := os.ReadFile(path)
		if text := strings.ReplaceAll(string(data), "\x00", " "); err == nil && strings.Contains(text, word) {
			found[pid] = text
		}
	}
	return found
}
