//go:build linux

package link_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/link"
	"picket.internal/sensor/watch"
)

const nobody = 65534

// as runs do on a thread that the kernel knows as another user, which ends
// with it.
func as(t *testing.T, uid int, do func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			done <- errno
			return
		}
		done <- do()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestThreat_S2_OnlyTheSenderIsServed: whoever else reaches the socket, by a
// mistake in its rights, gets not a byte.
func TestThreat_S2_OnlyTheSenderIsServed(t *testing.T) {
	testneed.Root(t)
	path, heard := socket(t), make(orders, 1)
	log, logger := newJournal()
	o, _ := newOutlet(t, link.OutletConfig{Socket: path, Logger: logger, Orders: heard})
	openUp(t, path)
	var p *peer
	as(t, nobody, func() error {
		c, err := net.Dial("unix", path)
		p = &peer{Conn: c, t: t}
		return err
	})
	defer p.Close()
	o.Emit(canary("a"))
	hello, _ := (&link.Frame{Hello: &link.Hello{Version: link.Version}}).Append(nil)
	p.Write(hello) // which may fail already
	p.SetReadDeadline(time.Now().Add(patience))
	if n, err := p.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
		t.Errorf("a stranger got %d bytes, %v", n, err)
	}
	log.await(t, "link.wrong_user: the other side runs as user 65534")
	newSender(t, link.InletConfig{Socket: path}).await("the fact, for the one it is for", isCanary("a"))
}

// TestThreat_S2_OnlyTheWatcherIsHeard: whoever lays out a socket in the
// watcher's place is not told anything and not believed anything.
func TestThreat_S2_OnlyTheWatcherIsHeard(t *testing.T) {
	testneed.Root(t)
	path := socket(t)
	openUp(t, path)
	var l *net.UnixListener
	as(t, nobody, func() (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	defer l.Close()
	l.SetDeadline(time.Now().Add(patience))
	log, logger := newJournal()
	newSender(t, link.InletConfig{Socket: path, Logger: logger})
	p := take(t, l)
	if n, err := p.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
		t.Errorf("a stranger got %d bytes, %v", n, err)
	}
	log.await(t, "link.wrong_user: the other side runs as user 65534")
}

// openUp undoes what else keeps strangers away.
func openUp(t *testing.T, path string) {
	t.Helper()
	for name, mode := range map[string]os.FileMode{path[:len(path)-2]: 0o777, path: 0o777} {
		if err := os.Chmod(name, mode); err != nil && name != path {
			t.Fatal(err)
		}
	}
}

// TestThreat_S2_WatcherTakesNoOtherMessage: there is none to read a file with,
// and what is no message ends the connection without a word and without harm.
func TestThreat_S2_WatcherTakesNoOtherMessage(t *testing.T) {
	frame := func(f link.Frame) []byte {
		data, err := f.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	raw := func(kind byte, length uint32, body string) []byte {
		return append(append(binary.BigEndian.AppendUint32(nil, length), kind), body...)
	}
	path, heard := socket(t), make(orders, 1)
	log, logger := newJournal()
	o, _ := newOutlet(t, link.OutletConfig{Socket: path, Orders: heard, Logger: logger})
	for name, data := range map[string][]byte{
		"facts":             frame(link.Frame{Facts: &link.Facts{Number: 1, Raw: [][]byte{[]byte("{}")}}}),
		"a second hello":    frame(link.Frame{Hello: &link.Hello{Version: link.Version}}),
		"a file":            raw('O', 12, "/etc/shadow"),
		"a path as order":   raw('R', 12, "/etc/shadow"),
		"4 GiB":             raw('R', 1<<32-1, ""),
		"an endless order":  raw('R', 900_000, ""),
		"nothing":           raw('T', 0, ""),
		"a half entity":     raw('R', 12, "\x00\x04usershort"),
		"a goodbye, longer": raw('B', 2, "x"),
	} {
		p := dial(t, path)
		p.greet(link.Hello{})
		if _, err := p.Write(data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p.ended()
		p.Close()
	}
	log.await(t, "link.malformed")
	if len(heard) > 0 {
		t.Errorf("obeyed %+v", <-heard)
	}
	o.Emit(canary("a"))
	newSender(t, link.InletConfig{Socket: path}).await("a fact after all that", isCanary("a"))
}

// TestThreat_S2_SenderTrustsNoFact: the watcher cannot speak for the hub or for
// the programs that act, and what is no fact is counted.
func TestThreat_S2_SenderTrustsNoFact(t *testing.T) {
	path := socket(t)
	l := pretend(t, path)
	s := newSender(t, link.InletConfig{Socket: path})
	p := take(t, l)
	p.greet(link.Hello{Stream: [16]byte{1}})
	at := `"id":"","time":"2026-05-06T07:08:09Z"`
	facts := [][]byte{
		[]byte(`{"kind":"novelty",` + at + `,"host":{"id":"h_other"}}`), // a newer watcher's
		[]byte(`{"kind":"process","process":{"action":"start","pid":7},"mood":"good",` + at + `,"host":{"id":""}}`),
		[]byte(`{"kind":"receipt","receipt":{"action":"done"},` + at + `,"host":{"id":""}}`),
		[]byte(`{"kind":"fleet","fleet":{"action":"returned"},` + at + `,"host":{"id":""}}`),
		[]byte(`{"kind":"process",` + at + `,"host":{"id":""}}`),
		[]byte(`{"kind":"canary","kind":"process",` + at + `}`),
		bytes.Repeat([]byte("["), 60_000),
		[]byte("\xff"),
	}
	p.say(link.Frame{Facts: &link.Facts{Number: 1, Raw: facts}})
	if f, err := p.hear(); err != nil || f.Taken == nil || f.Taken.Number != 1 {
		t.Fatalf("answered %+v, %v", f, err)
	}
	p.say(link.Frame{Facts: &link.Facts{Number: 2, Raw: [][]byte{[]byte(`{"kind":"canary","canary":{"action":"read","id":"z"},` + at + `,"host":{"id":""}}`)}}})
	s.await("the last fact", isCanary("z"))
	kinds, lost := map[fact.Kind]int{}, map[string]int64{}
	for _, f := range s.got {
		kinds[f.Kind]++
		if f.Host.ID != "h_test" {
			t.Errorf("a fact of host %q", f.Host.ID)
		}
		if f.Sensor != nil && f.Sensor.Cause == fact.LossMalformed {
			lost[f.Sensor.Reason] += f.Sensor.Count
		}
	}
	if kinds["novelty"] != 1 || kinds[fact.KindProcess] != 1 || kinds[fact.KindReceipt]+kinds[fact.KindFleet] != 0 {
		t.Errorf("taken: %v", kinds)
	}
	for reason, want := range map[string]int64{
		"the watching process sent what is no fact":                       3,
		"the watching process sent a fact that only others may make":      2,
		"the watching process sent a fact that does not hold":             1,
		"the watching process sent fields that this sender does not know": 1,
	} {
		if lost[reason] != want {
			t.Errorf("%s: counted %d times, want %d: %v", reason, lost[reason], want, lost)
		}
	}
}

// TestThreat_S2_NoReaderBlocksTheWatcher: without a sender, with one that never
// reads and with one that reads and never answers, emitting takes no longer;
// what goes is counted to the last fact, and no canary is among it.
func TestThreat_S2_NoReaderBlocksTheWatcher(t *testing.T) {
	const facts = 5_000
	for name, reader := range map[string]func(*testing.T, string) (leave func()){
		"none": func(*testing.T, string) func() { return func() {} },
		"one that never reads": func(t *testing.T, path string) func() {
			p := dial(t, path)
			p.greet(link.Hello{})
			return func() { p.Close() }
		},
		"one that never answers": func(t *testing.T, path string) func() {
			p := dial(t, path)
			p.greet(link.Hello{})
			go io.Copy(io.Discard, p)
			return func() { p.Close() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := socket(t)
			o, _ := newOutlet(t, link.OutletConfig{Socket: path})
			leave := reader(t, path)
			o.Emit(canary("first"))
			for i := range facts {
				o.Emit(process(int64(i)))
			}
			o.Emit(canary("last"))
			if held := o.Stats(); held.Facts > 2001 || held.Bytes > 1<<20+256<<10 {
				t.Errorf("it holds %+v", held)
			}
			leave()
			s := newSender(t, link.InletConfig{Socket: path})
			s.await("the last canary", isCanary("last"))
			for deadline := time.Now().Add(patience); ; {
				n, lost := s.count(fact.KindProcess)
				if n+lost == facts {
					t.Logf("%d came, %d are counted as lost", n, lost)
					break
				}
				if n+lost > facts || time.Now().After(deadline) {
					t.Fatalf("%d came and %d are counted as lost, of %d", n, lost, facts)
				}
				s.await("the rest", func(f *fact.Fact) bool { return true })
			}
			if n, _ := s.count(fact.KindCanary); n != 2 {
				t.Errorf("%d of 2 canaries", n)
			}
			for _, f := range s.got {
				if f.Sensor != nil && f.Sensor.Action == fact.SensorLoss && f.Sensor.Cause != fact.LossSocket {
					t.Errorf("lost by %s", f.Sensor.Cause)
				}
			}
		})
	}
}

// TestThreat_S2_VersionsAreNotMixed: two builds that speak differently say so
// instead of guessing.
func TestThreat_S2_VersionsAreNotMixed(t *testing.T) {
	path := socket(t)
	log, logger := newJournal()
	newOutlet(t, link.OutletConfig{Socket: path, Logger: logger, Orders: make(orders, 1)})
	p := dial(t, path)
	p.say(link.Frame{Hello: &link.Hello{Version: link.Version + 1}})
	p.ended()
	log.await(t, "link.version: the other side speaks version 2")
	q := dial(t, path)
	q.say(link.Frame{Order: &watch.Order{Resync: &watch.Resync{Of: fact.KindUser}}})
	q.ended()
	log.await(t, "does not begin with a hello")
}
