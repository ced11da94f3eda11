//go:build linux

package canary_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/canary"
)

// roleVar makes the test binary play a part instead of testing.
const roleVar = "PICKET_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(role string, args []string) error {
	switch role {
	case "sensor": // watch canaries in a namespace of its own, facts on standard output
		return playSensor(args)
	case "hold": // open a file and read from it whenever told
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		fmt.Println("open")
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			if _, err := f.ReadAt(make([]byte, 1), 0); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("unknown role %q", role)
}

// playSensor watches the canaries at paths. Arguments name=value set limits
// before; lines on standard input are obeyed.
func playSensor(args []string) error {
	cfg := canary.Config{NoFanotify: true, Check: 100 * time.Millisecond}
	for _, a := range args {
		if a == "fanotify" { // handed down
			cfg.NoFanotify, cfg.FanGroup = false, 3
			continue
		}
		if dir, ok := strings.CutPrefix(a, "tmpfs:"); ok {
			if err := obey("tmpfs", dir, "."); err != nil {
				return err
			}
			continue
		}
		if name, value, ok := strings.Cut(a, "="); ok {
			if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0); err != nil {
				return err
			}
			continue
		}
		cfg.Canaries = append(cfg.Canaries, canary.Canary{ID: filepath.Base(a), Path: a})
	}
	c, err := canary.New(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			if words := strings.Fields(in.Text()); len(words) == 3 {
				if err := obey(words[0], words[1], words[2]); err != nil {
					fmt.Fprintln(os.Stderr, in.Text(), err)
				}
			}
			if in.Text() == "count" {
				fmt.Printf("{\"metric\":{\"processes\":%d}}\n", c.Count())
			}
		}
	}()
	return c.Run(ctx, printer{json.NewEncoder(os.Stdout)})
}

// obey does something in the sensor's namespaces.
func obey(verb, a, b string) error {
	switch verb {
	case "mount":
		return unix.Mount(a, b, "", unix.MS_BIND, "")
	case "umount":
		return unix.Unmount(a, unix.MNT_DETACH)
	case "tmpfs":
		return unix.Mount("none", a, "tmpfs", 0, "")
	case "touch":
		return os.WriteFile(a, []byte(time.Now().String()), 0o644)
	}
	return fmt.Errorf("unknown verb %q", verb)
}

type printer struct{ *json.Encoder }

func (p printer) Emit(f *fact.Fact) { p.Encode(f) }

// process is a process of the test's own that plays a role.
type process struct {
	*exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func playing(t testing.TB, attr *syscall.SysProcAttr, role string, args ...string) *process {
	t.Helper()
	return playingWith(t, nil, attr, role, args...)
}

// playingWith hands descriptors down, from 3 on.
func playingWith(t testing.TB, files []*os.File, attr *syscall.SysProcAttr, role string, args ...string) *process {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleVar+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr, cmd.ExtraFiles = attr, files
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &process{cmd, in, bufio.NewScanner(out)}
}

// inNamespace runs the sensor's role as root of a user namespace of its own,
// where it may set limits and mount without harm to anybody.
func inNamespace(t *testing.T, args ...string) (*sink, *process) {
	t.Helper()
	p := playing(t, &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}, "sensor", args...)
	return p.facts(), p
}

// facts are those that a sensor prints.
func (p *process) facts() *sink {
	s := newSink()
	go func() {
		for p.out.Scan() {
			f := new(fact.Fact)
			if json.Unmarshal(p.out.Bytes(), f) == nil {
				s.Emit(f)
			}
		}
	}()
	return s
}
