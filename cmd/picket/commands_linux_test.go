package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script. It is only ever used up where
// something is broken.
const patience = 60 * time.Second

// until asks again and again, because a file that another process writes, and
// the end of a process that is not our child, announce themselves to nobody.
func until(ts *testscript.TestScript, what string, done func() bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for ; !done(); <-tick.C {
		if time.Now().After(deadline) {
			ts.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// await FILE REGEXP waits until the file has a line that matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	path, pattern := ts.MkAbs(args[0]), regexp.MustCompile(args[1])
	until(ts, "await "+args[1], func() bool {
		data, _ := os.ReadFile(path)
		if pattern.Match(data) {
			return true
		}
		if errs, _ := os.ReadFile(path + ".err"); len(errs) > 0 && strings.Contains(string(errs), "picket: ") && len(data) == 0 {
			ts.Fatalf("it ended instead: %s", errs)
		}
		return false
	})
}

// signal NAME PROGRAM signals a program that the script runs.
func signal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME PROGRAM")
	}
	number := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}[args[0]]
	for pid, cmdline := range processes(ts.Getenv("WORK")) {
		if filepath.Base(strings.Fields(cmdline)[0]) == args[1] {
			ts.Check(syscall.Kill(pid, number))
			return
		}
	}
	ts.Fatalf("%s does not run", args[1])
}

// gone waits until no process of the script runs any more.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: gone")
	}
	until(ts, "gone", func() bool { return len(processes(ts.Getenv("WORK"))) == 0 })
}

// plain FILE fails where the file has a byte that moves a cursor.
func plain(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: plain FILE")
	}
	for i, c := range []byte(ts.ReadFile(args[0])) {
		if c < ' ' && c != '\n' || c == 0x7f {
			ts.Fatalf("byte %d of %s is %#02x", i, args[0], c)
		}
	}
}

// lines FILE REGEXP N fails where not exactly N lines match.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: lines FILE REGEXP N")
	}
	pattern, n := regexp.MustCompile(args[1]), 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if pattern.MatchString(strings.TrimSuffix(line, "\n")) {
			n++
		}
	}
	if strconv.Itoa(n) != args[2] {
		ts.Fatalf("%d lines of %s match %s, want %s:\n%s", n, args[0], args[1], args[2], ts.ReadFile(args[0]))
	}
}

// intruder NAME runs a program of that name, which may hold escapes as Go
// writes them, from a folder for temporary files until the script ends.
func intruder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: intruder NAME")
	}
	name, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	dir, err := os.MkdirTemp("/tmp", "picket-test-")
	ts.Check(err)
	sleep, err := exec.LookPath("sleep")
	ts.Check(err)
	image, err := os.ReadFile(sleep)
	ts.Check(err)
	path := filepath.Join(dir, name)
	ts.Check(os.WriteFile(path, image, 0o755))
	cmd := &exec.Cmd{Path: path, Args: []string{"sleep", "300"}}
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		os.RemoveAll(dir)
	})
}

// pick VARIABLE FILE PATH sets a variable to a value in the first document of
// a file, as in `pick ID alerts.json rule.id` or `pick C up.json canaries.0`.
func pick(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: pick VARIABLE FILE PATH")
	}
	first, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	var v any
	if err := json.Unmarshal([]byte(first), &v); err != nil {
		ts.Fatalf("%s: %v: %.200s", args[1], err, first)
	}
	for name := range strings.SplitSeq(args[2], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(at) {
				ts.Fatalf("%s: no %s in it", args[1], args[2])
			}
			v = at[i]
		}
	}
	if v == nil {
		ts.Fatalf("%s: no %s in %.300s", args[1], args[2], first)
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// untilMatches runs a command again and again until its output matches, which
// the script can then look at.
func untilMatches(ts *testscript.TestScript, pattern, name string, args []string) {
	re := regexp.MustCompile(pattern)
	until(ts, "until "+pattern, func() bool {
		err := ts.Exec(name, args...)
		return err == nil && re.MatchString(ts.ReadFile("stdout"))
	})
}
