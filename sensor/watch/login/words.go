//go:build linux

package login

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/login/journal"
)

// programs are those whose messages count.
var programs = []string{"sshd", "sshd-session", "sshd-auth", "login", "su", "sudo"}

// logs are where syslogd keeps what they say, by distribution.
var logs = []string{"/var/log/auth.log", "/var/log/secure", "/var/log/messages"}

const (
	lookEntries = 5_000
	maxTold     = 4_096
)

// words reads what programs say: from the journal, or else from the first log
// that there is.
type words struct {
	run     *run
	journal *journal.Follower
	log     *tail
	name    string // of the log
	lines   pieces
	told    map[int64]bool // processes of which an attempt was told
}

func (w *words) heard() bool { return w.journal != nil || w.log != nil }

func (w *words) close() {
	if w.journal != nil {
		w.journal.Close()
	}
	if w.log != nil {
		w.log.close()
	}
}

// files are what is read now.
func (w *words) files() []string {
	switch {
	case w.journal != nil:
		return []string{w.journal.Path()}
	case w.log != nil:
		return []string{w.log.path}
	}
	return nil
}

// folders are where the journal is, or would be: on disk, and before that in
// memory.
func (w *words) folders() []string {
	data, _, err := regular.Read(w.run.path("/etc/machine-id"), 64)
	id := strings.TrimSpace(string(data))
	if err != nil || len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return nil
	}
	return []string{w.run.path("/var/log/journal/" + id), w.run.path("/run/log/journal/" + id)}
}

// begin finds something to read.
func (w *words) begin() error {
	var err error
	if w.journal, err = journal.Follow(w.folders(), programs); err == nil {
		return nil
	}
	w.journal = nil
	if !errors.Is(err, fs.ErrNotExist) {
		w.run.cfg.Logger.Warn("the journal cannot be followed", "error", err)
	} else {
		err = nil
	}
	for _, name := range logs {
		path := w.run.path(name)
		if _, statErr := os.Stat(path); statErr != nil {
			continue
		}
		t := &tail{path: path, whole: 1}
		if openErr := t.open(); openErr != nil || t.f == nil {
			err = errors.Join(err, openErr)
			continue
		}
		w.log, w.name, w.lines = t, name, pieces{}
		return nil
	}
	if err == nil {
		err = errors.New("there is neither a journal nor a log of them")
	}
	return err
}

// look tells what was said since the last look.
func (w *words) look() (more bool, err error) {
	if !w.heard() {
		if err := w.begin(); err != nil {
			return false, err
		}
	}
	if w.journal == nil {
		return w.lookLog()
	}
	lost, more, err := w.journal.Poll(lookEntries, func(e journal.Entry) {
		w.say(e.Time, "journal", Line{Program: e.Program, PID: e.PID, Message: e.Message})
	})
	l := &w.run.ledger
	l.add(fact.LossMalformed, lost.Malformed, "entries of the journal cannot be read")
	l.add(fact.LossMalformed, lost.Packed, "messages about logins in the journal are so long that they are compressed")
	l.add(fact.LossUnreadable, lost.Files, "files of the journal came and went between two looks")
	if err != nil {
		w.journal.Close()
		w.journal = nil // the next look starts over, at the end
		w.run.cfg.Logger.Warn("reading the journal", "error", err)
		l.add(fact.LossMalformed, 1, fmt.Sprintf("the journal cannot be read on, its rest is given up: %v", bare(err)))
		return false, nil
	}
	return more, nil
}

func (w *words) lookLog() (more bool, err error) {
	r := w.run
	l, err := w.log.poll(func(b []byte) {
		w.lines.take(b, func(line []byte) {
			if parsed, ok := ParseLine(strings.TrimRight(string(line), "\r\n")); ok {
				w.say(r.cfg.clock.Now(), w.name, parsed)
			}
		})
	}, w.lines.fresh)
	r.lost(w.name, l)
	r.ledger.add(fact.LossMalformed, w.lines.lost, fmt.Sprintf("lines of %s are too long", w.name))
	w.lines.lost = 0
	return l.more, err
}

// say tells what a message says, once.
func (w *words) say(at time.Time, source string, l Line) {
	m, ok := ParseMessage(l.Program, l.Message)
	if !ok {
		return
	}
	if m.Ambiguous {
		w.run.ledger.add(fact.LossMalformed, 1, "messages about logins hold names that read like the rest of the message: they are told without name and address")
	}
	if m.closing {
		told := w.told[l.PID]
		delete(w.told, l.PID)
		if told {
			return
		}
	} else if m.Login.Action == fact.Changed && l.PID != 0 {
		if len(w.told) == maxTold {
			clear(w.told)
		}
		w.told[l.PID] = true
	}
	m.Login.Source, m.Login.PID = source, l.PID
	w.run.tell(at, &m.Login, m.User)
}
