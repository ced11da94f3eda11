//go:build linux

package login_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/login"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host is a root folder of the test's own.
type host struct {
	t    testing.TB
	root string
	now  time.Time
}

func newHost(t testing.TB) *host {
	h := &host{t: t, root: t.TempDir(), now: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)}
	for _, dir := range []string{"run", "var/log", "etc"} {
		must(t, os.MkdirAll(h.path(dir), 0o755))
	}
	return h
}

func (h *host) path(p string) string { return filepath.Join(h.root, p) }

func (h *host) write(p, content string) { must(h.t, os.WriteFile(h.path(p), []byte(content), 0o644)) }

func (h *host) append(p, content string) {
	h.t.Helper()
	f, err := os.OpenFile(h.path(p), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(h.t, err)
	_, err = f.WriteString(content)
	must(h.t, err)
	must(h.t, f.Close())
}

// log is a line that sshd wrote.
func line(pid int, message string) string {
	return fmt.Sprintf("May  6 07:08:09 vm sshd[%d]: %s\n", pid, message)
}

// sink keeps facts.
type sink struct {
	mu    sync.Mutex
	facts []*fact.Fact
	more  chan struct{}
}

func newSink() *sink { return &sink{more: make(chan struct{}, 1)} }

func (s *sink) Emit(f *fact.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = append(s.facts, f)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// take returns what came since the last time, one line each.
func (s *sink) take() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.facts {
		all = append(all, say(f))
	}
	s.facts = nil
	return all
}

// say writes a fact as a test reads it.
func say(f *fact.Fact) string {
	if s := f.Sensor; s != nil {
		return strings.TrimSpace(fmt.Sprintf("%s %s %d: %s", s.Action, s.Cause, s.Count, s.Reason))
	}
	l, name := f.Login, ""
	if f.User != nil {
		name = f.User.Name
	}
	parts := []string{l.Source, l.Action, name}
	for _, p := range []string{l.Outcome, l.Method, l.Service, l.Terminal, l.SourceIP, l.Fingerprint} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if l.PID != 0 {
		parts = append(parts, fmt.Sprint(l.PID))
	}
	return strings.Join(parts, " ")
}

// wait waits for a line that begins so.
func (s *sink) wait(t testing.TB, want string) {
	t.Helper()
	end := time.After(15 * time.Second)
	var all []string
	for {
		select {
		case <-s.more:
		case <-end:
			t.Fatalf("%q did not come; these did: %q", want, all)
		}
		for _, l := range s.take() {
			if all = append(all, l); strings.HasPrefix(l, want) {
				return
			}
		}
	}
}

// first waits for a line, which must be the first to come.
func (s *sink) first(t testing.TB, want string) {
	t.Helper()
	select {
	case <-s.more:
	case <-time.After(15 * time.Second):
		t.Fatalf("%q did not come", want)
	}
	if got := s.take(); len(got) == 0 || got[0] != want {
		t.Errorf("%q came, want %q", got, want)
	}
}

// begin starts a run that looks when it is told to, and has looked once.
func (h *host) begin() (login.Looks, *sink) {
	cfg := login.Config{Root: h.root}
	cfg.Real(func() time.Time { return h.now })
	s := newSink()
	r := login.New(cfg).Begin(s)
	h.t.Cleanup(r.Close)
	r.Look()
	return r, s
}

// start runs a collector as the sensor does.
func (h *host) start() *sink {
	s := newSink()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- login.New(login.Config{Root: h.root, Interval: time.Hour}).Run(ctx, s)
	}()
	h.t.Cleanup(func() {
		stop()
		must(h.t, <-done)
	})
	return s
}

// record is a record of utmp in the layout of a size.
func record(size int, r login.Record) string {
	b := make([]byte, size)
	order := binary.NativeEndian
	order.PutUint16(b, uint16(r.Kind))
	order.PutUint32(b[4:], uint32(r.PID))
	copy(b[8:40], r.Line)
	copy(b[44:76], r.User)
	copy(b[76:332], r.Host)
	at := b[348:364]
	if size == login.Size64 {
		order.PutUint64(b[344:], uint64(r.Time.Unix()))
		order.PutUint64(b[352:], uint64(r.Time.Nanosecond()/1000))
		at = b[360:376]
	} else {
		order.PutUint32(b[340:], uint32(r.Time.Unix()))
		order.PutUint32(b[344:], uint32(r.Time.Nanosecond()/1000))
	}
	if r.Address.IsValid() {
		copy(at, r.Address.AsSlice())
	}
	return string(b)
}

// own is a record in this machine's layout.
func (h *host) own(kind int16, pid int32, line, user, from string) string {
	r := login.Record{Kind: kind, PID: pid, Line: line, User: user, Host: from, Time: h.now}
	r.Address, _ = netip.ParseAddr(from)
	return record(login.RecordSize(), r)
}
