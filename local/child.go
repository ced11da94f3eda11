package local

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Bounds of a child's life.
const (
	stopPatience = 5 * time.Second // from SIGTERM to SIGKILL
	maxLogBytes  = 1 << 20         // a longer log is set aside when the next child starts
	tailLines    = 8               // shown of a log when its child dies
	tailBytes    = 8 << 10
)

// program finds one of Picket's programs: in dir where that is given, else
// beside this executable, else in PATH.
func program(dir, name string) (string, error) {
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("finding %s: %w", name, err)
		}
		if path := filepath.Join(filepath.Dir(self), name); isProgram(path) {
			return path, nil
		}
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
		dir = filepath.Dir(self)
	} else if path := filepath.Join(dir, name); isProgram(path) {
		return path, nil
	}
	return "", fmt.Errorf("%s is neither in %q nor in PATH; make build builds it", name, dir)
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// child is one running program of Picket's.
type child struct {
	name  string
	log   string
	from  int64 // where in the log this child's lines begin
	cmd   *exec.Cmd
	lines chan string   // what it writes to standard output; closed when it ends
	done  chan struct{} // closed when it has ended
	err   error         // how it ended; valid once done is closed
}

// startChild runs a program with its standard error in a log file.
func startChild(s *spawner, name, log string, argv ...string) (*child, error) {
	logFile, err := openLog(log)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer logFile.Close() // the child has its own
	c := &child{name: name, log: log, from: size(logFile), lines: make(chan string, 16), done: make(chan struct{})}
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Stderr = logFile
	// A pipe of our own: StdoutPipe's is closed by Wait, under the reader.
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	c.cmd.Stdout = in
	err = s.start(c.cmd)
	in.Close()
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go c.read(out)
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// read passes lines on and throws away what nobody takes, so that the child
// never waits for a reader.
func (c *child) read(out io.ReadCloser) {
	defer out.Close()
	defer close(c.lines)
	r := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		select {
		case c.lines <- strings.TrimSuffix(line, "\n"):
		default:
		}
	}
}

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop asks the child to end and makes it after a while. Nil does nothing.
func (c *child) stop() {
	if c == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error says that it has ended
	select {
	case <-c.done:
	case <-time.After(stopPatience):
	}
	c.kill()
}

// kill ends the child at once.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // an error says that it has ended
	<-c.done
}

// ProgramError says what is wrong with one of Picket's programs.
type ProgramError struct {
	Name string
	What string   // as in "ended (signal: killed)"
	Log  string   // where it writes
	Tail []string // the last lines there
}

func (e *ProgramError) Error() string {
	return fmt.Sprintf("%s %s; its log is %s", e.Name, e.What, e.Log)
}

func (c *child) trouble(what string) *ProgramError {
	return &ProgramError{Name: c.name, What: what, Log: c.log, Tail: tail(c.log, c.from)}
}

// died is the trouble with a child that has ended.
func (c *child) died() *ProgramError {
	if c.err == nil {
		return c.trouble("ended (exit status 0)")
	}
	return c.trouble(fmt.Sprintf("ended (%v)", c.err))
}

// openLog opens a log to append to and sets a long one aside, so that two
// files of about maxLogBytes are all that is ever kept.
func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

func size(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// tail returns the last lines of a log that begin at from or later, none where
// it cannot be read.
func tail(path string, from int64) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	from = max(from, size(f)-tailBytes)
	data, err := io.ReadAll(io.NewSectionReader(f, from, tailBytes))
	if err != nil || len(data) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return lines[max(0, len(lines)-tailLines):]
}
