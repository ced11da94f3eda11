package local

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stage is where the demo's intrusion plays: the files that it may touch, the
// programs it starts, and what must be cleared away afterwards.
type stage struct {
	spawn    *spawner
	temp     string            // a folder that is removed at the end
	self     string            // the picket executable, which plays some parts itself
	canaries map[string]string // path by id
	sensor   *child
	binary   string // the sensor's executable, a copy that the demo may spoil

	touched time.Time // when the scene that plays laid its hand on something
	running []*exec.Cmd
	made    []string // files and folders outside temp
}

// touch notes that now is the moment from which latency counts.
func (s *stage) touch() { s.touched = time.Now() }

// run starts a program that goes on running until clear.
func (s *stage) run(path string, argv ...string) (pid int, err error) {
	cmd := &exec.Cmd{Path: path, Args: argv, Dir: "/"}
	s.touch()
	switch err := s.spawn.start(cmd); {
	case errors.Is(err, syscall.EACCES):
		return 0, skip("no program may run in " + filepath.Dir(path))
	case err != nil:
		return 0, err
	}
	s.running = append(s.running, cmd)
	return cmd.Process.Pid, nil
}

// clear ends what a step started and removes what it made.
func (s *stage) clear() {
	for _, cmd := range s.running {
		_ = signalGroup(cmd.Process.Pid, syscall.SIGKILL) // unreaped, so the pid is still its own
		_ = cmd.Wait()                                    // killed, as it was told
	}
	s.running = nil
	for _, path := range s.made {
		_ = os.RemoveAll(path)
	}
	s.made = nil
}

// folder makes an empty folder below parent, which is removed by clear.
func (s *stage) folder(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, "picket-demo-")
	if err != nil {
		return "", err
	}
	s.made = append(s.made, dir)
	return dir, nil
}

// plantProgram writes a copy of a program that nobody has seen before: the
// bytes after its end change its hash and nothing else.
func plantProgram(from, to string) error {
	image, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(image, rand.Text()...), 0o755)
}

// intrude copies a program that sleeps into a folder below parent and runs it
// there under a name that tempts nobody to look.
func (s *stage) intrude(parent, name string) (path string, err error) {
	dir, err := s.folder(parent)
	if err != nil {
		return "", skip("no file can be made in " + parent)
	}
	path = filepath.Join(dir, name)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return "", err
	}
	if err := plantProgram(sleep, path); err != nil {
		return "", err
	}
	_, err = s.run(path, "sleep", "60")
	return path, err
}

// skip says why a scene cannot be played on this machine.
type skip string

func (s skip) Error() string { return string(s) }
