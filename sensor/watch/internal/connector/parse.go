package connector

import (
	"encoding/binary"
	"fmt"
)

// What an event tells. Source: linux/cn_proc.h, enum proc_cn_event.
const (
	Fork = 0x00000001 // a process or a thread began
	Exec = 0x00000002 // a process executes another image
	UID  = 0x00000004 // its real or effective user changed
	GID  = 0x00000040 // its real or effective group changed
	Exit = 0x80000000 // a process or a thread ended

	// Overrun is no event of the kernel's: events before this one were lost.
	Overrun = 0x00800000
)

// Event is what the kernel told. A thread has a PID of its own and the TGID of
// its process; the first thread of a process has both alike.
type Event struct {
	What   uint32
	PID    int32  // the thread; in a Fork the new one
	TGID   int32  // its process
	Parent int32  // of a Fork and, from Linux 4.18 on, of an Exit: the process above
	Status uint32 // of an Exit, as wait(2) gives it
	Time   uint64 // when, in nanoseconds of CLOCK_MONOTONIC
}

// Thread tells whether the event is about a thread that is not the first of
// its process.
func (e *Event) Thread() bool { return e.PID != e.TGID }

// Sizes and numbers of linux/netlink.h, linux/connector.h and linux/cn_proc.h.
const (
	netlinkHead   = 16 // length 4, type 2, flags 2, sequence 4, port 4
	connectorHead = 20 // idx 4, val 4, seq 4, ack 4, length 2, flags 2
	eventHead     = 16 // what 4, cpu 4, time 8

	messageNoop  = 1
	messageDone  = 3
	processIndex = 1 // CN_IDX_PROC, and CN_VAL_PROC
)

// maxMessages is more than the kernel ever puts into one datagram: one.
const maxMessages = 64

// Parse appends the events of one netlink datagram. What is of another kind
// than the constants above is left out; what does not fit its own lengths ends
// the reading with an error, after the events that came before it.
func Parse(events []Event, data []byte) ([]Event, error) {
	for range maxMessages {
		if len(data) == 0 {
			return events, nil
		}
		if len(data) < netlinkHead {
			return events, fmt.Errorf("malformed netlink message %.20x: shorter than its head", data)
		}
		size := binary.NativeEndian.Uint32(data)
		if size < netlinkHead || uint64(size) > uint64(len(data)) {
			return events, fmt.Errorf("malformed netlink message: %d bytes of %d", size, len(data))
		}
		switch kind := binary.NativeEndian.Uint16(data[4:]); kind {
		case messageDone:
			ev, ok, err := parseMessage(data[netlinkHead:size])
			if err != nil {
				return events, err
			}
			if ok {
				events = append(events, ev)
			}
		case messageNoop:
		default:
			return events, fmt.Errorf("malformed netlink message: type %d", kind)
		}
		data = data[min(len(data), (int(size)+3)&^3):]
	}
	return events, fmt.Errorf("malformed netlink datagram: more than %d messages", maxMessages)
}

// parseMessage reads struct cn_msg and the struct proc_event in it.
func parseMessage(data []byte) (ev Event, ok bool, err error) {
	if len(data) < connectorHead {
		return ev, false, fmt.Errorf("malformed connector message: %d bytes", len(data))
	}
	idx, val := binary.NativeEndian.Uint32(data), binary.NativeEndian.Uint32(data[4:])
	if idx != processIndex || val != processIndex {
		return ev, false, nil // of another connector
	}
	size := int(binary.NativeEndian.Uint16(data[16:]))
	body := data[connectorHead:]
	if size > len(body) || size < eventHead {
		return ev, false, fmt.Errorf("malformed connector message: an event of %d bytes in %d", size, len(body))
	}
	return parseEvent(body[:size])
}

func parseEvent(body []byte) (ev Event, ok bool, err error) {
	ev = Event{What: binary.NativeEndian.Uint32(body), Time: binary.NativeEndian.Uint64(body[8:])}
	f := fields(body[eventHead:])
	switch ev.What {
	case Fork: // parent_pid, parent_tgid, child_pid, child_tgid
		ok = len(f) >= 16
		ev.Parent, ev.PID, ev.TGID = f.pid(1), f.pid(2), f.pid(3)
	case Exec: // process_pid, process_tgid
		ok = len(f) >= 8
		ev.PID, ev.TGID = f.pid(0), f.pid(1)
	case UID, GID: // process_pid, process_tgid, real, effective
		ok = len(f) >= 16
		ev.PID, ev.TGID = f.pid(0), f.pid(1)
	case Exit: // process_pid, process_tgid, exit_code, exit_signal, parent_pid, parent_tgid
		ok = len(f) >= 16
		ev.PID, ev.TGID, ev.Status, ev.Parent = f.pid(0), f.pid(1), f.word(2), f.pid(5)
	default:
		return Event{}, false, nil
	}
	if !ok || ev.PID <= 0 || ev.TGID <= 0 || ev.Parent < 0 {
		return Event{}, false, fmt.Errorf("malformed process event %.32x", body)
	}
	return ev, true, nil
}

// fields are the 32-bit words of an event.
type fields []byte

// word is one of them; 0 where there are fewer.
func (f fields) word(i int) uint32 {
	if len(f) < 4*i+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(f[4*i:])
}

// pid is one of them that names a process; -1 where it cannot.
func (f fields) pid(i int) int32 {
	n := f.word(i)
	if n > 1<<30 {
		return -1
	}
	return int32(n)
}
