package local_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/local"
	"picket.internal/terminal"
)

// programs makes a folder of shell scripts in the place of Picket's programs:
// for what the real ones do only in bad times.
func programs(t *testing.T, hub string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{"picket-hub": hub, "picket-sensor": "exit 9", "picket": "exit 9"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	return dir
}

func up(t *testing.T, ctx context.Context, hub string) (dir string, err error) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "picket")
	return dir, local.Up(ctx, local.Config{Dir: local.Dir(dir), Programs: programs(t, hub), Show: terminal.Options{Out: new(bytes.Buffer)}})
}

func TestUpTellsWhyTheHubCannotBeMade(t *testing.T) {
	dir, err := up(t, t.Context(), `mkdir "$3"; echo "picket-hub: no space left on device" >&2; exit 2`)
	if err == nil || !strings.Contains(err.Error(), "initialising hub") || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("Up: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "hub")); err == nil {
		t.Error("a half-made hub counts as one")
	}
}

func TestUpTellsWhyTheHubEnded(t *testing.T) {
	tried := filepath.Join(t.TempDir(), "tried")
	_, err := up(t, t.Context(), `[ "$1" = init ] && exec mkdir "$3"
echo "$@" >>`+tried+`
echo "the port is taken" >&2; exit 2`)
	var program *local.ProgramError
	if !errors.As(err, &program) || program.Name != "picket-hub" || program.What != "ended (exit status 2)" {
		t.Fatalf("Up: %v", err)
	}
	if len(program.Tail) != 1 || program.Tail[0] != "the port is taken" {
		t.Errorf("its last lines are %q, want those of the last try", program.Tail)
	}
	data, err := os.ReadFile(tried)
	must(t, err)
	if tries := strings.Split(strings.TrimSpace(string(data)), "\n"); len(tries) != 2 || !strings.Contains(tries[1], "--listen 127.0.0.1:0") {
		t.Errorf("it was tried as %q, want a second time with any port", tries)
	}
}

// TestUpThatIsStoppedWhileItStarts cancels when the hub is running and not
// ready yet: no error, and no hub left.
func TestUpThatIsStoppedWhileItStarts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(t, mkfifo(fifo))
	go func() { // opening waits until the hub has opened it too
		f, err := os.Open(fifo)
		if err == nil {
			f.Close()
		}
		cancel()
	}()
	dir, err := up(t, ctx, `[ "$1" = init ] && exec mkdir "$3"
: >`+fifo+`
exec sleep 300`)
	if err != nil {
		t.Errorf("Up: %v", err)
	}
	release, err := local.Dir(dir).Acquire()
	if err != nil {
		t.Fatalf("the folder is still held: %v", err)
	}
	release()
}

func TestUpTakesAPortThatWasAskedForOrNone(t *testing.T) {
	taken, release := takenPort(t)
	defer release()
	err := local.Up(t.Context(), local.Config{Dir: local.Dir(filepath.Join(t.TempDir(), "p")), Listen: taken,
		Programs: programs(t, `[ "$1" = init ] && exec mkdir "$3"; exit 9`), Show: terminal.Options{Out: new(bytes.Buffer)}})
	if err == nil || !strings.Contains(err.Error(), "address already in use; choose another --listen") {
		t.Errorf("Up: %v", err)
	}
}

func TestDemoThatFailsLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	err := local.Demo(t.Context(), local.DemoConfig{Temp: temp, Programs: programs(t, "echo broken >&2; exit 2"), Show: terminal.Options{Out: new(bytes.Buffer)}})
	if err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("Demo: %v", err)
	}
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
