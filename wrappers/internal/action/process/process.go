// Package process ends or stops a process, alone or with all below it.
//
// It must never signal a process by its number: each is held by a pidfd first,
// and then compared with what was decided on. Two processes that had the same
// number within the same hundredth of a second and run the same image cannot
// be told apart, since the kernel's start time is no finer.
//
// A tree is what descends from the process when it is stopped. A child whose
// parent ended before that belongs to PID 1 and is not found.
package process

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

const (
	mostProcesses = 4096
	mostRounds    = 64
	mostImage     = 1 << 30
)

// Args say which process. All of them must hold.
type Args struct {
	PID        int    `json:"pid"`                // above 1
	StartTicks uint64 `json:"start_ticks,string"` // field 22 of /proc/PID/stat
	SHA256     string `json:"sha256"`             // of the image that it runs, in hex
	Tree       bool   `json:"tree,omitempty"`     // and all that descends from it
}

// Record is what doing and undoing need. Which processes were stopped is kept
// beside it in State, written before each is.
type Record struct {
	Args Args   `json:"args"`
	Kill bool   `json:"kill"`
	Boot string `json:"boot"` // boot_id, which is another in each unit of some containers
	ID   string `json:"id"`   // names what is kept in State
	// Protected reports whether a process must be left alone, or is nil.
	Protected func(pid int) bool `json:"-"`
}

// Prepare looks whether the process is what was decided on. One that has ended
// is not refused: Do then says so. Codes: eat.bad_param, kill.identity_mismatch,
// kill.unreadable, kill.own_tree, policy.protected_target.
func Prepare(root action.Root, args Args, kill bool, protected func(pid int) bool) (*Record, error) {
	boot, err := action.BootID()
	if err != nil {
		return nil, err
	}
	r := &Record{Args: args, Kill: kill, Boot: boot, ID: rand.Text(), Protected: protected}
	p, err := r.open()
	if err == nil {
		p.Close()
	}
	if unlessGone(err) != nil {
		return nil, err
	}
	return r, nil
}

// open holds the process if it is the one that was decided on.
func (r *Record) open() (*action.Process, error) {
	a := r.Args
	if a.PID <= 1 || !action.IsHash(a.SHA256) {
		return nil, action.Refuse("eat.bad_param", "process %d with the image %.70q: want a number above 1 and a SHA-256", a.PID, a.SHA256)
	}
	p, err := action.OpenProcess(a.PID)
	if err != nil {
		return nil, fmt.Errorf("opening process %d: %w", a.PID, err)
	}
	if err := r.check(p); err != nil {
		// It may be ending just now, and then has no image any more.
		if p.Ended(50 * time.Millisecond) {
			err = action.ErrGone
		}
		p.Close()
		return nil, err
	}
	return p, nil
}

func (r *Record) check(p *action.Process) error {
	if p.Kernel {
		return action.Refuse("eat.bad_param", "process %d is a thread of the kernel", p.PID)
	}
	if p.Start != r.Args.StartTicks {
		return action.Refuse("kill.identity_mismatch", "process %d started at %d and not at %d: the number was given again", p.PID, p.Start, r.Args.StartTicks)
	}
	sum, err := image(p.PID)
	if err != nil {
		return action.Refuse("kill.unreadable", "the image of process %d cannot be hashed: %v", p.PID, err)
	}
	if sum != r.Args.SHA256 {
		return action.Refuse("kill.identity_mismatch", "process %d runs the image %s and not %s", p.PID, sum, r.Args.SHA256)
	}
	if r.spared(p.PID) {
		return action.Refuse("policy.protected_target", "process %d is protected", p.PID)
	}
	for self := os.Getpid(); self > 1; {
		if self == p.PID && (r.Args.Tree || self == os.Getpid()) {
			return action.Refuse("kill.own_tree", "this program runs below process %d", p.PID)
		}
		above, err := action.OpenProcess(self)
		if err != nil {
			return err
		}
		self = above.Parent
		above.Close()
	}
	return nil
}

func (r *Record) spared(pid int) bool { return r.Protected != nil && r.Protected(pid) }

// image hashes what the process runs, whatever its name says now. The first
// thread may have ended, and then has no image while others do.
func image(pid int) (string, error) {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/exe", pid))
	err := error(action.ErrGone)
	for _, path := range paths {
		var fd int
		if fd, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
			continue
		}
		defer unix.Close(fd)
		var fs unix.Statfs_t
		if err := unix.Fstatfs(fd, &fs); err != nil {
			return "", err
		}
		if fs.Type == unix.FUSE_SUPER_MAGIC {
			return "", errors.New("its file system may never answer")
		}
		f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			return "", err
		}
		defer f.Close()
		return action.Digest(f, mostImage)
	}
	return "", err
}

// Do stops the process and what descends from it, and then kills all of them
// if that is what was asked. Effect: outcome (killed, suspended, already_gone),
// processes, state, and cut where a tree was larger than its bounds.
func (r *Record) Do(root action.Root) (action.Effect, error) {
	j, err := r.journal(root)
	if err != nil {
		return nil, err
	}
	defer j.close()
	p, err := r.open()
	switch {
	case err == nil: // the journal lets go of it
	case unlessGone(err) != nil && len(j.list) == 0:
		return nil, errors.Join(err, j.remove())
	case unlessGone(err) != nil:
		return nil, err
	case len(j.list) == 0:
		return action.Effect{"outcome": "already_gone"}, j.remove()
	}
	cut := ""
	if p != nil {
		cut, err = r.stop(j, p)
	}
	if err = errors.Join(unlessGone(err), j.hold()); err != nil {
		return nil, err
	}
	effect := action.Effect{"outcome": "suspended", "processes": strconv.Itoa(len(j.list)), "state": "T (stopped)"}
	if cut != "" {
		effect["cut"] = cut
	}
	if r.Kill {
		if _, err := j.each(func(p *action.Process) error { return p.Kill() }); err != nil {
			return nil, err
		}
		effect["outcome"], effect["state"] = "killed", "gone"
		return effect, j.remove()
	}
	alive, err := j.each(func(p *action.Process) error {
		if !p.Held() && !p.Ended(time.Second) { // whoever is killed just now is not held either
			return fmt.Errorf("process %d runs again", p.PID)
		}
		return p.Signal(0)
	})
	if effect["processes"] = strconv.Itoa(alive); alive == 0 {
		effect["state"] = "stopped before, or gone"
	}
	return effect, err
}

// stop stops p, then its children, then theirs, until a look at all processes
// finds no other. What is stopped cannot have more children.
func (r *Record) stop(j *journal, p *action.Process) (cut string, err error) {
	tree := map[int]uint64{}
	for round, rounds := []*action.Process{p}, 0; len(round) > 0; rounds++ {
		if err := j.add(round, r.Kill); err != nil {
			return "", err
		}
		for _, p := range round {
			if err := unlessGone(p.Stop()); err != nil {
				return "", err
			}
			tree[p.PID] = p.Start
		}
		if !r.Args.Tree {
			break
		}
		if rounds == mostRounds {
			return fmt.Sprintf("after %d rounds there were still new children", rounds), nil
		}
		pids, err := action.PIDs()
		if err != nil {
			return "", err
		}
		round = nil
		for _, pid := range pids {
			child, err := r.child(pid, tree)
			if unlessGone(err) != nil {
				return "", err
			}
			if child == nil {
				continue
			}
			if round = append(round, child); len(tree)+len(round) > mostProcesses {
				return fmt.Sprintf("more than %d processes", mostProcesses), nil
			}
		}
	}
	return "", nil
}

// child holds the process pid if one of tree is its parent, and not only has
// the number that its parent had.
func (r *Record) child(pid int, tree map[int]uint64) (*action.Process, error) {
	if _, known := tree[pid]; known || pid == os.Getpid() || r.spared(pid) {
		return nil, nil
	}
	p, err := action.OpenProcess(pid)
	if err != nil {
		return nil, err
	}
	if start, ok := tree[p.Parent]; ok {
		parent, err := action.OpenProcess(p.Parent)
		if err == nil {
			parent.Close()
			if parent.Start == start {
				return p, nil
			}
		}
	}
	p.Close()
	return nil, nil
}

// Holds reports whether a process that Do stopped is stopped still. It asks the
// processes and not the boot id: that is another after a reboot, but in a
// container also for each unit that has a /proc of its own.
func (r *Record) Holds(root action.Root) (bool, error) {
	j, err := r.journal(root)
	if err != nil {
		return false, err
	}
	defer j.close()
	if err := j.hold(); err != nil {
		return false, err
	}
	n, err := j.each(held)
	return n > 0, err
}

func held(p *action.Process) error {
	if !p.Held() {
		return action.ErrGone
	}
	return nil
}

// Undo lets those go on that Do stopped, and no other: number, start and the
// inode of the pidfd must be theirs, and where the boot id is another, they must
// be stopped too. What was killed stays dead: a process has no earlier state to
// go back to.
func (r *Record) Undo(root action.Root) (action.Effect, error) {
	boot, err := action.BootID()
	if err != nil {
		return nil, err
	}
	j, err := r.journal(root)
	if err != nil {
		return nil, err
	}
	defer j.close()
	if err := j.hold(); err != nil {
		return nil, err
	}
	n, err := j.each(func(p *action.Process) error {
		if boot != r.Boot && held(p) != nil {
			return action.ErrGone
		}
		return p.Signal(unix.SIGCONT)
	})
	if err != nil {
		return nil, err
	}
	effect := action.Effect{"resumed": strconv.Itoa(n)}
	if r.Kill {
		effect["undo"] = "none: a killed process cannot be brought back"
	}
	return effect, j.remove()
}

func unlessGone(err error) error {
	if errors.Is(err, action.ErrGone) {
		return nil
	}
	return err
}

// remove forgets a journal that has no more use.
func (j *journal) remove() error {
	return errors.Join(action.Unlink(j.dir, j.name), j.dir.Sync())
}
