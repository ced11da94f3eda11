//go:build linux

package proc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
)

// parsePids appends the process ids among the names of one getdents64(2)
// answer.
func parsePids(pids []int32, buf []byte) []int32 { return parseNumbers(pids, buf, 1) }

// parseNumbers appends the names that are numbers of at least min: inode 8
// bytes, offset 8, length 2, type 1, then the name with a NUL.
func parseNumbers(numbers []int32, buf []byte, min uint64) []int32 {
	const head = 19
	for len(buf) > head {
		n := int(binary.NativeEndian.Uint16(buf[16:]))
		if n <= head || n > len(buf) {
			return numbers
		}
		name := buf[head:n]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		if k, ok := ParseUint(name); ok && k >= min && k <= 1<<30 {
			numbers = append(numbers, int32(k))
		}
		buf = buf[n:]
	}
	return numbers
}

// LastPid takes the last field of proc_loadavg(5), or all that
// proc_sys_kernel(5) ns_last_pid says: the process id given out last. 0 says
// that there is none.
func LastPid(data []byte) int32 {
	data = bytes.TrimSpace(data)
	pid, ok := ParseUint(data[bytes.LastIndexByte(data, ' ')+1:])
	if !ok || pid > 1<<30 {
		return 0
	}
	return int32(pid)
}

// Activity tells one moment from another by what the kernel counts.
type Activity struct {
	LastPid int32
	Threads uint64 // of all processes
}

// parseActivity reads the last two fields of proc_loadavg(5), as in
// "1/234 5678".
func parseActivity(data []byte) (Activity, bool) {
	fields := bytes.Fields(data)
	if len(fields) < 5 {
		return Activity{}, false
	}
	_, total, _ := bytes.Cut(fields[3], []byte("/"))
	threads, ok := ParseUint(total)
	last := LastPid(fields[4])
	return Activity{LastPid: last, Threads: threads}, ok && last > 0
}

// ParseUint is strconv.ParseUint for the digits that the kernel writes, which
// need no string.
func ParseUint(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (1<<64-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// Stat is what the sensor needs of proc_pid_stat(5).
type Stat struct {
	Name       string // comm, raw bytes
	State      byte
	PPID       int32
	Flags      uint64
	Threads    uint64 // 0 for a process that is all gone but for its exit code
	StartTicks uint64
	StartCode  uint64 // 0 where the sensor may not look at the process
	StartStack uint64 // likewise
	Thread     bool   // not the first of its process: its number is not the process's
	ExitCode   int64  // as wait(2) gives it; 0 where the sensor may not know it
}

// Flags of the kernel's task_struct that stat shows.
const (
	flagExiting    = 0x00000004 // on its way out
	flagForkNoExec = 0x00000040 // forked, and has not executed since
	flagKernel     = 0x00200000 // a kernel thread
)

// Kernel tells whether it is a kernel thread.
func (s *Stat) Kernel() bool { return s.Flags&flagKernel != 0 }

// NeverExecuted tells whether the process still runs the image it was forked with.
func (s *Stat) NeverExecuted() bool { return s.Flags&flagForkNoExec != 0 }

// Ended tells whether the process has ended and only waits to be reaped. The
// first thread alone may end, and the others go on.
func (s *Stat) Ended() bool {
	return s.Threads <= 1 && (s.State == 'Z' || s.State == 'X' || s.State == 'x')
}

// Ending tells whether the process has ended or is about to.
func (s *Stat) Ending() bool { return s.Threads <= 1 && (s.Ended() || s.Flags&flagExiting != 0) }

// SameImage tells whether nothing says that the process has executed another
// image since other was read.
func (s *Stat) SameImage(other *Stat) bool {
	return s.StartTicks == other.StartTicks && s.StartCode == other.StartCode &&
		s.StartStack == other.StartStack && s.NeverExecuted() == other.NeverExecuted()
}

// The fields of proc_pid_stat(5) by their numbers there.
const (
	statState      = 3
	statPPID       = 4
	statFlags      = 9
	statThreads    = 20
	statStartTicks = 22
	statStartCode  = 26
	statStartStack = 28
	statExitSignal = 38
	statExitCode   = 52
)

// ParseStat reads proc_pid_stat(5). The name may hold anything, parentheses
// and newlines too, so it reaches to the last closing parenthesis.
func ParseStat(data []byte) (Stat, error) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return Stat{}, fmt.Errorf("malformed stat %.80q: no name in parentheses", data)
	}
	s := Stat{Name: string(data[open+1 : end])}
	rest := bytes.TrimSpace(data[end+1:])
	for field := statState; field <= statExitCode; field++ {
		if len(rest) == 0 {
			if field <= statStartTicks {
				return Stat{}, fmt.Errorf("malformed stat %.80q: it ends before field %d", data, field)
			}
			break // an older kernel
		}
		text := rest
		if stop := bytes.IndexByte(rest, ' '); stop >= 0 {
			text, rest = rest[:stop], rest[stop+1:]
		} else {
			rest = nil
		}
		if err := s.set(field, text); err != nil {
			return Stat{}, fmt.Errorf("malformed stat %.80q: %w", data, err)
		}
	}
	return s, nil
}

// set takes one field; most are of no interest.
func (s *Stat) set(field int, text []byte) error {
	var into *uint64
	switch field {
	case statState:
		if len(text) != 1 {
			return fmt.Errorf("malformed state %.20q", text)
		}
		s.State = text[0]
		return nil
	case statPPID:
		n, ok := ParseUint(text)
		if !ok || n > 1<<30 {
			return fmt.Errorf("malformed parent %.20q", text)
		}
		s.PPID = int32(n)
		return nil
	case statExitSignal:
		s.Thread = string(text) == "-1" // its end is told to nobody
		return nil
	case statExitCode:
		n, err := strconv.ParseInt(string(text), 10, 32)
		if err != nil {
			return fmt.Errorf("malformed exit code %.20q", text)
		}
		s.ExitCode = n
		return nil
	case statFlags:
		into = &s.Flags
	case statThreads:
		into = &s.Threads
	case statStartTicks:
		into = &s.StartTicks
	case statStartCode:
		into = &s.StartCode
	case statStartStack:
		into = &s.StartStack
	default:
		return nil
	}
	n, ok := ParseUint(text)
	if !ok {
		return fmt.Errorf("malformed field %d %.20q", field, text)
	}
	*into = n
	return nil
}

// IDs are the owners of a process.
type IDs struct {
	RealUser, User   uint32 // real and effective
	RealGroup, Group uint32
}

// ParseIDs reads the lines Uid and Gid of proc_pid_status(5). The kernel
// escapes newlines in the name, which stands above them.
func ParseIDs(data []byte) (IDs, error) {
	var ids IDs
	for _, line := range []struct {
		name            string
		real, effective *uint32
	}{{"Uid:", &ids.RealUser, &ids.User}, {"Gid:", &ids.RealGroup, &ids.Group}} {
		at := bytes.Index(data, []byte("\n"+line.name))
		if at < 0 {
			return IDs{}, fmt.Errorf("malformed status %.80q: no line %s", data, line.name)
		}
		text, _, _ := bytes.Cut(data[at+1+len(line.name):], []byte("\n"))
		fields := bytes.Fields(text)
		if len(fields) < 2 {
			return IDs{}, fmt.Errorf("malformed status line %s%.80q", line.name, text)
		}
		for i, into := range []*uint32{line.real, line.effective} {
			n, ok := ParseUint(fields[i])
			if !ok || n > 1<<32-1 {
				return IDs{}, fmt.Errorf("malformed status line %s%.80q", line.name, text)
			}
			*into = uint32(n)
		}
	}
	return ids, nil
}

// parseLeader reads the line Tgid of proc_pid_status(5).
func parseLeader(data []byte) (int32, error) {
	_, rest, _ := bytes.Cut(data, []byte("\nTgid:"))
	text, _, _ := bytes.Cut(rest, []byte("\n"))
	n, ok := ParseUint(bytes.TrimSpace(text))
	if !ok || n > 1<<30 {
		return 0, fmt.Errorf("malformed status %.80q: no Tgid", data)
	}
	return int32(n), nil
}
