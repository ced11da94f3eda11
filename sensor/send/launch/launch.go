package launch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Mode is how the wrapper is reached.
type Mode string

// The modes.
const (
	// None means that nobody may act here: the hub is not asked for orders.
	None Mode = "none"
	// Sudo starts the wrapper through sudo. It works with any init, and asks
	// for a unit that does not imply NoNewPrivileges.
	Sudo Mode = "sudo"
	// Socket writes to the socket of a root unit of systemd, which starts the
	// wrapper in a control group of its own.
	Socket Mode = "socket"
)

// Valid reports whether m is a mode; an empty one counts as None.
func (m Mode) Valid() bool { return m == "" || m == None || m == Sudo || m == Socket }

// Acts reports whether there is a wrapper to be reached.
func (m Mode) Acts() bool { return m == Sudo || m == Socket }

// Where packaging puts them.
const (
	SudoPath      = "/usr/bin/sudo"
	WrapperPath   = "/usr/libexec/picket/picket-emergency-action"
	WrapperSocket = "/run/picket-wrapper/action.sock"
)

const (
	// patience is how long a wrapper may take, and again after each chunk of
	// evidence that it has printed; the longest action, collecting
	// evidence, bounds itself below that.
	patience = 5 * time.Minute
	// abreast is how many wrappers may run at once: one that takes long must
	// not keep the next from stopping a process.
	abreast = 4
	// maxReceipts is how many receipts a wrapper prints at most, and the hub
	// takes at once.
	maxReceipts = 64
)

// NoReceipt is the id where a wrapper ended well and had no receipt.
const NoReceipt = "launch.no_receipt"

// Error says why there is no receipt.
type Error struct {
	// ID is stable, as in "launch.timeout", or what the wrapper gave.
	ID string
	// Detail says it in words.
	Detail string
}

// Error gives the id and the words.
func (e *Error) Error() string { return e.ID + ": " + e.Detail }

func fail(id, format string, args ...any) *Error {
	return &Error{ID: id, Detail: fmt.Sprintf(format, args...)}
}

// Launcher hands deliveries to the wrapper. Make it with New.
type Launcher struct {
	mode   Mode
	slots  chan struct{}
	sudo   string
	socket string
	within time.Duration
	owner  uint32 // who must listen at the socket: root
}

// New makes a launcher of a mode.
func New(mode Mode) *Launcher {
	return &Launcher{mode: mode, slots: make(chan struct{}, abreast), sudo: SudoPath, socket: WrapperSocket, within: patience}
}

// Launch hands the wrapper a delivery and returns what it printed: signed
// receipts, one an element, which are not looked into. A refusal of the wrapper
// is a receipt too. Evidence goes to carry; nil means that there is nobody to
// carry it. The error is an *Error; receipts may come with it.
func (l *Launcher) Launch(ctx context.Context, delivery []byte, carry Carry) ([][]byte, error) {
	ctx, putOff, cancel := l.deadline(ctx)
	defer cancel()
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fail("launch.busy", "%d wrappers run and none has ended", abreast)
	}
	leave := sync.OnceFunc(func() { <-l.slots })
	// One that has acted and is only heard out keeps no other from acting.
	out := &output{carry: carry, going: func() { leave(); putOff() }}
	switch l.mode {
	case Sudo:
		return l.bySudo(ctx, delivery, out, leave)
	case Socket:
		defer leave()
		return l.bySocket(ctx, delivery, out)
	}
	leave()
	return nil, fail("launch.none", "the sensor is set up to launch nothing")
}

func (l *Launcher) bySudo(ctx context.Context, delivery []byte, out *output, leave func()) ([][]byte, error) {
	if noNewPrivileges() {
		leave()
		return nil, fail("priv.nnp_set", "sudo cannot work where NoNewPrivileges is set: take the line out of the sender's unit that implies it, or use launch socket")
	}
	r, err := Run(ctx, Command{Path: l.sudo, Args: []string{"-n", WrapperPath}, Input: delivery, Read: out.read}, leave)
	switch {
	case err == errEnough:
		return out.receipts, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fail("launch.timeout", "the wrapper has not ended within %s", l.within)
	case errors.Is(err, errLong):
		return nil, fail("launch.output_too_long", "the wrapper printed more than %d bytes", maxOutput)
	case err != nil:
		return nil, fail("launch.failed", "%v", err)
	}
	if r.Code != 0 {
		return out.receipts, complaintOf(r)
	}
	if !out.printed() {
		return nil, fail(NoReceipt, "there is none")
	}
	return out.receipts, nil
}

// complaintOf reads what a wrapper that failed said: its name, a stable id and
// words. What sudo says has another form.
func complaintOf(r Result) *Error {
	line, _, _ := strings.Cut(strings.TrimSpace(string(r.Complaint)), "\n")
	if said, ok := strings.CutPrefix(line, "picket-emergency-action: "); ok {
		if plain, err := strconv.Unquote(said); err == nil {
			said = plain
		}
		if id, detail, ok := strings.Cut(said, ": "); ok && validID(id) {
			return &Error{ID: id, Detail: detail}
		}
	}
	return fail("launch.failed", "exit status %d: %.300q", r.Code, line)
}

// validID is the form of the stable ids: two names with a dot between them.
func validID(id string) bool {
	family, name, ok := strings.Cut(id, ".")
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return ok && family != "" && name != "" && len(id) <= 96 && strings.Trim(family, letters) == "" && strings.Trim(name, letters+"0123456789_") == ""
}
