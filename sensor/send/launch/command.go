package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// maxOutput bounds what a program may print: as much as the hub takes of
	// receipts at once.
	maxOutput = 256 << 10
	// maxComplaint bounds what is kept of its standard error.
	maxComplaint = 4 << 10
)

// Path is the PATH that programs get: all of their environment where nobody
// gives more.
const Path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

// Command is a program to run.
type Command struct {
	// Path is the program, absolute. Must be set.
	Path string
	// Args are its arguments, without its name.
	Args []string
	// Env is all of its environment; nil means Path alone.
	Env []string
	// Input is what it reads from its standard input.
	Input []byte
	// Read reads what it prints, as it prints it; nil means that Result has it.
	Read func(io.Reader) error
	// As is how the system is to start it, as the user; nil means as this
	// process.
	As *syscall.SysProcAttr
}

// Result is what came of a program that ended by itself.
type Result struct {
	// Output is what it printed, at most 256 KiB; nothing where Read has it.
	Output []byte
	// Complaint is the beginning of what it wrote to standard error, at most
	// 4 KiB.
	Complaint []byte
	// Code is its exit status; -1 where a signal ended it.
	Code int
}

// errLong says that a program printed more than it may.
var errLong = errors.New("it printed more than is allowed")

// Run runs a program to its end. Where ctx ends before, the program is killed
// if that is allowed, which it is not if it runs as root; it is waited for in
// any case, and ended is called then, whatever Run has returned. Nil means
// nothing is to be called.
func Run(ctx context.Context, c Command, ended func()) (Result, error) {
	if ended == nil {
		ended = func() {}
	}
	if !filepath.IsAbs(c.Path) {
		ended()
		return Result{}, fmt.Errorf("starting %q: the path is not absolute", c.Path)
	}
	var p pipes
	process, err := p.start(c)
	if err != nil {
		ended()
		return Result{}, fmt.Errorf("starting %q: %w", c.Path, err)
	}
	stop := context.AfterFunc(ctx, func() {
		p.cut()
		process.Kill()
	})
	defer stop()
	return p.follow(ctx, process, c, ended)
}

// pipes are this side's ends of a program's three files.
type pipes struct {
	in, out, complaint *os.File
}

// start starts the program.
func (p *pipes) start(c Command) (*os.Process, error) {
	env := c.Env
	if env == nil {
		env = []string{Path}
	}
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			f.Close() // of a nil file it does nothing
		}
	}()
	var err error
	if theirs[0], p.in, err = os.Pipe(); err == nil {
		if p.out, theirs[1], err = os.Pipe(); err == nil {
			p.complaint, theirs[2], err = os.Pipe()
		}
	}
	var process *os.Process
	if err == nil {
		process, err = os.StartProcess(c.Path, append([]string{c.Path}, c.Args...), &os.ProcAttr{Dir: "/", Env: env, Files: theirs[:], Sys: c.As})
	}
	if err != nil {
		p.cut()
	}
	return process, err
}

// cut closes this side's ends: whoever waits for the program here goes on.
func (p *pipes) cut() {
	p.in.Close()
	p.out.Close()
	p.complaint.Close()
}

// follow feeds the program and reads what it says, until it has ended.
func (p *pipes) follow(ctx context.Context, process *os.Process, c Command, ended func()) (Result, error) {
	go func() {
		p.in.Write(c.Input) // a program that does not want to read it all says why
		p.in.Close()
	}()
	complaint := make(chan []byte, 1)
	go func() {
		said, _ := io.ReadAll(io.LimitReader(p.complaint, maxComplaint))
		io.Copy(io.Discard, p.complaint)
		complaint <- said
	}()
	var r Result
	var err error
	if c.Read != nil {
		err = c.Read(p.out)
	} else if r.Output, err = io.ReadAll(io.LimitReader(p.out, maxOutput+1)); len(r.Output) > maxOutput {
		r.Output, err = nil, errLong
	}
	if err != nil {
		p.out.Close()
	}
	if err == errLong {
		process.Kill()
	}

	type end struct {
		state *os.ProcessState
		err   error
	}
	over := make(chan end, 1)
	go func() {
		state, err := process.Wait()
		ended()
		over <- end{state, err}
	}()
	select {
	case e := <-over:
		if e.err != nil {
			return Result{}, fmt.Errorf("waiting for it: %w", e.err)
		}
		r.Code = e.state.ExitCode()
	case <-ctx.Done():
	}
	if ctx.Err() != nil && err != errLong {
		return Result{}, context.Cause(ctx)
	}
	r.Complaint = afterEnd(complaint, p)
	p.cut()
	return r, err
}

// lingering is how long the error output of a program that has ended may stay
// open, as by a process that it left behind.
const lingering = time.Second

func afterEnd(complaint <-chan []byte, p *pipes) []byte {
	t := time.AfterFunc(lingering, func() { p.complaint.Close() })
	defer t.Stop()
	return <-complaint
}
