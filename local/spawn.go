package local

import (
	"os/exec"
	"runtime"
)

// spawner starts children from one thread that lives as long as it does. The
// kernel sends a child its death signal when the thread that forked it ends,
// not the process (PR_SET_PDEATHSIG(2const)), and Go ends and makes threads
// as it likes: so all children come from a goroutine locked to its thread.
type spawner struct {
	requests chan request
}

type request struct {
	cmd    *exec.Cmd
	result chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan request)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for r := range s.requests {
			r.result <- r.cmd.Start()
		}
	}()
	return s
}

// start starts a command as a child in a process group of its own.
func (s *spawner) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = childAttr()
	r := request{cmd: cmd, result: make(chan error, 1)}
	s.requests <- r
	return <-r.result
}

// close ends the thread, which kills every child that still runs. No start
// may be under way or follow.
func (s *spawner) close() { close(s.requests) }
