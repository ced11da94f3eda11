//go:build linux

package link_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/link"
	"picket.internal/sensor/queue"
	"picket.internal/sensor/watch"
)

func TestFactsGoOneWayAndOrdersTheOther(t *testing.T) {
	path, heard := socket(t), make(orders, 1)
	o, _ := newOutlet(t, link.OutletConfig{Socket: path, Orders: heard})
	s := newSender(t, link.InletConfig{Socket: path})
	mine := canary("a")
	mine.ID, mine.Host.ID, mine.Seq = "made up", "h_other", 99
	o.Emit(mine)
	f := s.await("the canary", isCanary("a"))
	if f.Host.ID != "h_test" || f.Seq != 1 || f.ID == "" || f.ID == mine.ID {
		t.Errorf("id %q, host %q, seq %d: the sender fills these in", f.ID, f.Host.ID, f.Seq)
	}
	for _, want := range []watch.Order{
		{Resync: &watch.Resync{Of: fact.KindPackage, Fresh: true}},
		{Resync: &watch.Resync{Of: fact.KindUser, Held: make([]watch.Held, 50_000)}},
	} {
		for i := range want.Resync.Held {
			want.Resync.Held[i] = watch.Held{Key: [8]byte{byte(i), byte(i >> 8)}, State: [8]byte{7: byte(i)}}
		}
		s.Obey(want)
		got := (<-heard).Resync
		if got.Of != want.Resync.Of || got.Fresh != want.Resync.Fresh || !slices.Equal(got.Held, want.Resync.Held) {
			t.Errorf("an order for %s with %d entities changed on its way", want.Resync.Of, len(want.Resync.Held))
		}
	}
}

// TestOrdersAreBounded: what is too large is dropped where it is made, nothing
// blocks, and the connection goes on.
func TestOrdersAreBounded(t *testing.T) {
	path, heard := socket(t), make(orders, 100)
	o, _ := newOutlet(t, link.OutletConfig{Socket: path, Orders: heard})
	log, logger := newJournal()
	s := newSender(t, link.InletConfig{Socket: path, Logger: logger})
	s.Obey(watch.Order{Resync: &watch.Resync{Of: fact.KindPackage, Held: make([]watch.Held, 50_001)}})
	log.await(t, "over the bound of 50000")
	s.Obey(watch.Order{})
	log.await(t, "asks for nothing")
	s.Obey(watch.Order{Resync: &watch.Resync{Of: fact.KindUser}})
	if got := <-heard; got.Resync.Of != fact.KindUser {
		t.Errorf("obeyed %+v", got)
	}
	o.Emit(canary("a"))
	s.await("a fact on the same connection", isCanary("a"))

	alone := link.NewInlet(link.InletConfig{Socket: path + "x", Queue: queue.New(queue.Config{}), Logger: logger})
	for range 1000 {
		alone.Obey(watch.Order{Resync: &watch.Resync{Of: fact.KindUser}})
	}
	log.await(t, "too many wait")
}

// TestEitherMayComeFirst, and come back.
func TestEitherMayComeFirst(t *testing.T) {
	path := socket(t)
	s := newSender(t, link.InletConfig{Socket: path})
	for i := range 3 {
		o, life := newOutlet(t, link.OutletConfig{Socket: path})
		id := fmt.Sprint("of life ", i)
		o.Emit(canary(id))
		s.await("a fact "+id, isCanary(id))
		o.Emit(canary("last " + id))
		life.stop() // what was emitted before is still handed over
		s.await("the last word "+id, isCanary("last "+id))
	}
	if _, lost := s.count(fact.KindCanary); lost != 0 {
		t.Errorf("%d facts told as lost", lost)
	}
	for _, f := range s.got {
		if says(fact.SensorLoss, "")(f) {
			t.Errorf("a loss is told after a goodbye: %+v", f.Sensor)
		}
	}
}

// TestParcelIsNeitherLostNorDoubled: the connection breaks around the very
// moment when a parcel changes hands.
func TestParcelIsNeitherLostNorDoubled(t *testing.T) {
	path := socket(t)
	o, _ := newOutlet(t, link.OutletConfig{Socket: path})
	o.Emit(canary("a"))
	first := dial(t, path)
	stream := first.greet(link.Hello{}).Stream
	if n := first.facts().Number; n != 1 {
		t.Fatalf("the first parcel is number %d", n)
	}
	first.Close() // before it said that it took it

	second := dial(t, path)
	second.greet(link.Hello{Stream: stream})
	if f := second.facts(); f.Number != 1 || len(f.Raw) != 1 {
		t.Fatalf("after the break comes %d with %d facts", f.Number, len(f.Raw))
	}
	second.Close() // it took it, but its word of that is lost

	third := dial(t, path)
	third.greet(link.Hello{Stream: stream, Number: 1})
	o.Emit(canary("b"))
	f := third.facts()
	got, _, err := fact.Parse(f.Raw[0])
	if err != nil || f.Number != 2 || len(f.Raw) != 1 || got.Canary.ID != "b" {
		t.Fatalf("after a parcel that was taken comes %d: %s, %v", f.Number, f.Raw, err)
	}
}

// TestSenderThatDiedIsTold: what it held is lost, and nobody can say how much.
func TestSenderThatDiedIsTold(t *testing.T) {
	path := socket(t)
	o, _ := newOutlet(t, link.OutletConfig{Socket: path})
	o.Emit(canary("a"))
	dead := dial(t, path)
	dead.greet(link.Hello{})
	dead.say(link.Frame{Taken: &link.Taken{Number: dead.facts().Number}})
	o.Emit(canary("b"))
	dead.facts() // which comes once its word on the first has
	dead.Close()
	s := newSender(t, link.InletConfig{Socket: path})
	if f := s.await("the loss", says(fact.SensorLoss, "sending process ended without a word")); f.Sensor.Cause != fact.LossSocket {
		t.Errorf("told as %+v", f.Sensor)
	}
}

func TestWatcherThatDiedIsTold(t *testing.T) {
	path := socket(t)
	s := newSender(t, link.InletConfig{Socket: path})
	l := pretend(t, path)
	for life := range 2 {
		p := take(t, l)
		p.greet(link.Hello{Stream: [16]byte{byte(life + 1)}})
		p.Close()
	}
	if f := s.await("the loss", says(fact.SensorLoss, "watching process ended without a word")); f.Sensor.Cause != fact.LossSocket {
		t.Errorf("told as %+v", f.Sensor)
	}
}

// TestAbsenceIsTold: a sender that lives must not make a dead watcher, or one
// that is stopped, look like quiet.
func TestAbsenceIsTold(t *testing.T) {
	path := socket(t)
	s := newSender(t, link.InletConfig{Socket: path, Heartbeat: 30 * time.Millisecond})
	f := s.await("the word that nobody watches", says(fact.SensorDegraded, "is not connected, nothing on this host is seen"))
	if f.Sensor.Source != "watch" || f.Sensor.Unreadable == 0 || f.Sensor.Seen != 0 {
		t.Errorf("told as %+v", f.Sensor)
	}
	l := pretend(t, path)
	p := take(t, l)
	p.greet(link.Hello{Stream: [16]byte{1}})
	f = s.await("the word that somebody does", says(fact.SensorDegraded, "is connected again"))
	if f.Sensor.Source != "watch" || f.Sensor.Unreadable != 0 || f.Sensor.Seen == 0 {
		t.Errorf("told as %+v", f.Sensor)
	}
	// The watcher says nothing more; the connection stays open.
	s.await("the word that it is silent", says(fact.SensorDegraded, "timeout"))
}

func TestGoodbye(t *testing.T) {
	for clean, want := range map[bool]bool{true: true, false: false} {
		path := socket(t)
		s := newSender(t, link.InletConfig{Socket: path})
		p := take(t, pretend(t, path))
		p.greet(link.Hello{Stream: [16]byte{1}})
		p.say(link.Frame{Facts: &link.Facts{Number: 1, Raw: [][]byte{[]byte("{}")}}})
		if f, err := p.hear(); f.Taken == nil {
			t.Fatalf("answered %+v, %v", f, err)
		}
		s.stop()
		s.Leave(clean)
		f, err := p.hear()
		if got := err == nil && f.Bye; got != want {
			t.Errorf("with everything out (%v): a goodbye %v, %v", clean, got, err)
		}
	}
}

func TestListenReplacesOnlyWhatIsDead(t *testing.T) {
	path := socket(t)
	newOutlet(t, link.OutletConfig{Socket: path})
	if _, err := link.Listen(link.OutletConfig{Socket: path, Peer: me}); !errors.Is(err, link.ErrInUse) {
		t.Errorf("beside one that lives: %v, want %v", err, link.ErrInUse)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}

	dead := socket(t)
	l := pretend(t, dead)
	l.SetUnlinkOnClose(false)
	l.Close()
	newOutlet(t, link.OutletConfig{Socket: dead})

	file := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(file, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := link.Listen(link.OutletConfig{Socket: file, Peer: me}); err == nil {
		t.Error("a file gave way to a socket")
	}
	if data, err := os.ReadFile(file); string(data) != "keep" {
		t.Errorf("the file now holds %q, %v", data, err)
	}
}

func TestUserID(t *testing.T) {
	passwd := filepath.Join(t.TempDir(), "passwd")
	text := "root:x:0:0::/root:/bin/sh\n# no:x:7:7::/:\npicket-watch:x:997:1::/:\nshort:x\nbad:x:-1:1::/:\nlarge:x:4294967296:1::/:\npicket:x:998:1::/:\npicket:x:0:0::/:\n"
	if err := os.WriteFile(passwd, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"picket": 998, "picket-watch": 997, "1000": 1000, "root": 0, "nobody": -1, "short": -1, "bad": -1, "large": -1, "": -1, "4294967296": -1} {
		got, err := link.UserID(name, passwd)
		if (err != nil) != (want < 0) || err == nil && int64(got) != want {
			t.Errorf("%q: got %d, %v, want %d", name, got, err, want)
		}
	}
}
