package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

// journal names the processes that were stopped, one "PID START INODE" a line. A
// line is on disk before its process is signalled, so that after a crash all
// of them are known. It is in State()/process and named after the record.
type journal struct {
	dir, file *os.File
	name      string
	list      []stopped
	held      map[stopped]*action.Process // those of list that this run has found
}

// stopped is what a process is known by in another run. Where the kernel is
// older than 6.9, two with one number and one start cannot be told apart.
type stopped struct {
	pid          int
	start, inode uint64
}

func (r *Record) journal(root action.Root) (*journal, error) {
	dir, err := root.Folder("process")
	if err != nil {
		return nil, err
	}
	j := &journal{dir: dir, name: r.ID, held: map[stopped]*action.Process{}}
	j.file, err = action.OpenAt(dir, j.name, unix.O_RDWR|unix.O_CREAT|unix.O_APPEND, 0o600)
	if err != nil {
		dir.Close()
		return nil, err
	}
	data, err := action.Read(j.file, 64*(mostProcesses+mostRounds))
	if err != nil {
		j.close()
		return nil, err
	}
	for line := range bytes.Lines(data) { // a last line without its end was never acted on
		var s stopped
		if n, _ := fmt.Sscanf(string(line), "%d %d %d\n", &s.pid, &s.start, &s.inode); n == 3 && bytes.HasSuffix(line, []byte("\n")) {
			j.list = append(j.list, s)
		}
	}
	if at := bytes.LastIndexByte(data, '\n') + 1; at < len(data) {
		err = j.file.Truncate(int64(at))
	}
	return j, err
}

func (j *journal) close() {
	for _, p := range j.held {
		p.Close()
	}
	j.file.Close()
	j.dir.Close()
}

// add writes down those that are not stopped yet, or all of them.
func (j *journal) add(round []*action.Process, all bool) error {
	var lines []byte
	for _, p := range round {
		s := of(p)
		if known := slices.Contains(j.list, s); known || all || !p.Stopped() {
			if j.held[s] = p; !known {
				j.list = append(j.list, s)
				lines = fmt.Appendf(lines, "%d %d %d\n", s.pid, s.start, s.inode)
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	if _, err := j.file.Write(lines); err != nil {
		return fmt.Errorf("writing down what is stopped: %w", err)
	}
	return errors.Join(j.file.Sync(), j.dir.Sync())
}

func of(p *action.Process) stopped { return stopped{p.PID, p.Start, p.Inode} }

// hold finds those of the journal again that an earlier run stopped.
func (j *journal) hold() error {
	for _, s := range j.list {
		if j.held[s] != nil {
			continue
		}
		p, err := action.OpenProcess(s.pid)
		switch {
		case errors.Is(err, action.ErrGone):
		case err != nil:
			return err
		case of(p) != s:
			p.Close()
		default:
			j.held[s] = p
		}
	}
	return nil
}

// each calls f for those of the journal that are still there.
func (j *journal) each(f func(*action.Process) error) (n int, err error) {
	for _, p := range j.held {
		if p.Ended(0) {
			continue
		}
		if err := f(p); err == nil {
			n++
		} else if !errors.Is(err, action.ErrGone) {
			return n, err
		}
	}
	return n, nil
}
