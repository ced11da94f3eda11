package hub_test

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/wire"
)

// later is the hub's time in tests that wait for hours: now, and more.
type later struct{ by atomic.Int64 }

func (l *later) pass(d time.Duration) { l.by.Add(int64(d)) }
func (l *later) now() time.Time       { return time.Now().Add(time.Duration(l.by.Load())) }

func pkgFact(c *hubtest.Host, action, name, version string) *fact.Fact {
	f := c.Fact(fact.KindPackage)
	f.Package = &fact.Package{Action: action, Name: name, Version: version, Type: "deb"}
	return f
}

func digestFact(c *hubtest.Host, about ...*fact.Fact) *fact.Fact {
	var sums [][32]byte
	for _, f := range about {
		e, _, err := f.Entity()
		if err != nil {
			panic(err)
		}
		sums = append(sums, e.Sum())
	}
	d := fact.Digest(sums)
	f := c.Fact(fact.KindSnapshot)
	f.Snapshot = &fact.Snapshot{Action: fact.SnapshotDigest, Of: fact.KindPackage, Count: int64(len(about)), Digest: hex.EncodeToString(d[:])}
	return f
}

func ask(c *hubtest.Host, h *hubtest.Hub) (*wire.Held, int, error) {
	_, body, err := c.Post(wire.PathHeld+"/"+c.Session+"/package", nil, nil)
	if err != nil {
		return nil, 0, err
	}
	held, pairs, err := wire.OpenHeld(body, h.OnlineKey())
	return held, len(pairs), err
}

func inventoryOf(h *hubtest.Hub, host string) api.Inventory {
	for _, i := range hubtest.Get[api.Inventory](h, api.PathHosts+"/"+host+"/inventories") {
		if i.Kind == "package" {
			return i
		}
	}
	return api.Inventory{}
}

// A host that tells a wrong digest for ever is asked less and less often, and
// fetches what is held only as often as it was asked.
func TestThreat_T8_WrongDigestsForEverCostLittle(t *testing.T) {
	now := &later{}
	h := hubtest.New(t, func(c *hub.Config) { c.Now = now.now })
	c := h.Enroll()
	every := 10 * time.Minute
	if os.Getenv("PICKET_SOAK") == "1" {
		every = time.Minute
	}
	asked, fetched := 0, 0
	for range 24 * time.Hour / every { // a day
		now.pass(every)
		ack := c.MustSend(digestFact(c, pkgFact(c, fact.Added, "not there", "1")))
		if len(ack.Resync) == 0 {
			if _, _, err := ask(c, h); err == nil {
				t.Fatal("what is held was told although nobody asked")
			}
			continue
		}
		asked++
		for range 3 { // and it would like to have it more often
			if _, _, err := ask(c, h); err == nil {
				fetched++
			}
		}
	}
	if asked < 5 || asked > 40 || fetched != asked {
		t.Errorf("asked %d times in a day, fetched %d times", asked, fetched)
	}
}

// Only the host whose inventory it is, in the session that was asked, is told
// what the hub holds.
func TestThreat_H5_WhatIsHeldIsTheHostsOwn(t *testing.T) {
	h := hubtest.New(t, nil)
	c, other := h.Enroll(), h.Enroll()
	other.MustSend(other.Metric())
	if ack := c.MustSend(pkgFact(c, fact.Added, "curl", "1"), digestFact(c)); len(ack.Resync) != 1 || ack.Resync[0] != "package" {
		t.Fatalf("resync %q", ack.Resync)
	}
	for what, path := range map[string]string{
		"another host":  wire.PathHeld + "/" + c.Session + "/package",
		"no kind":       wire.PathHeld + "/" + c.Session + "/nothing",
		"odd kind":      wire.PathHeld + "/" + c.Session + "/%2e%2e",
		"other session": wire.PathHeld + "/" + wire.NewSession() + "/package",
	} {
		asker := c
		if what == "another host" {
			asker = other
		}
		if status, _, err := asker.Post(path, nil, nil); err == nil || status != http.StatusConflict {
			t.Errorf("%s: status %d, %v", what, status, err)
		}
	}
	if status, _, err := h.Stranger().Post(wire.PathHeld+"/"+c.Session+"/package", nil, nil); err == nil || status != http.StatusUnauthorized {
		t.Errorf("a stranger: status %d, %v", status, err)
	}
	held, n, err := ask(c, h)
	if err != nil || n != 1 || !held.Fresh || held.Host != c.ID || held.Session != c.Session {
		t.Errorf("the host itself: %+v, %d entities, %v", held, n, err)
	}
}

// What the sensor can no longer name, the hub tells by name.
func TestInventory_GoneIsToldByName(t *testing.T) {
	h := hubtest.New(t, nil)
	c := h.Enroll()
	curl, sed := pkgFact(c, fact.Added, "curl", "1"), pkgFact(c, fact.Added, "sed", "1")
	c.MustSend(curl, sed, digestFact(c, curl, sed))
	if i := inventoryOf(h, c.ID); i.State != api.InventoryInStep || i.Count != 2 {
		t.Fatalf("the inventory is %+v", i)
	}
	e, _, _ := curl.Entity()
	key := e.KeyHash()
	gone := c.Fact(fact.KindSnapshot)
	gone.Snapshot = &fact.Snapshot{Action: fact.SnapshotDigest, Of: fact.KindPackage, Gone: []string{hex.EncodeToString(key[:]), "zz", "0000000000000000"}}
	c.MustSend(gone, digestFact(c, sed))
	if i := inventoryOf(h, c.ID); i.State != api.InventoryInStep || i.Count != 1 {
		t.Fatalf("the inventory is %+v", i)
	}
	h.Wait("the hub's own fact", func() bool { return told(h, c.ID)["removed curl"] == 1 })
	sound(t, h)
}

// An older session that is still heard, and a batch that comes late, do not undo
// what a newer one said.
func TestInventory_OldNewsChangesNothing(t *testing.T) {
	h := hubtest.New(t, nil)
	c := h.Enroll()
	one := pkgFact(c, fact.Added, "curl", "1")
	c.MustSend(one, digestFact(c, one))
	kept := c.Seal(c.Batch(pkgFact(c, fact.Changed, "curl", "2"))) // on its way
	two := pkgFact(c, fact.Changed, "curl", "3")
	c.MustSend(two, digestFact(c, two))
	if _, err := c.SendSealed(kept); err != nil {
		t.Fatal(err)
	}
	if i := inventoryOf(h, c.ID); i.State != api.InventoryInStep {
		t.Errorf("after a late batch: %+v", i)
	}
	old := c.Clone()
	c.Restart()
	three := pkgFact(c, fact.Changed, "curl", "4")
	c.MustSend(three, digestFact(c, three))
	if _, err := old.Send(pkgFact(c, fact.Removed, "curl", "3")); err != nil {
		t.Fatal(err)
	}
	if i := inventoryOf(h, c.ID); i.State != api.InventoryInStep || i.Count != 1 {
		t.Errorf("after an older session: %+v", i)
	}
	h.Restart()
	if i := inventoryOf(h, c.ID); i.State != api.InventoryInStep || i.Count != 1 {
		t.Errorf("after a restart: %+v", i)
	}
	sound(t, h)
}

// A session that knows nothing of inventories is never asked about them, because
// it would not understand the acknowledgement.
func TestInventory_OldSensorIsNotAsked(t *testing.T) {
	h := hubtest.New(t, nil)
	c := h.Enroll()
	if ack := c.MustSend(digestFact(c, pkgFact(c, fact.Added, "curl", "1"))); len(ack.Resync) != 1 {
		t.Fatalf("resync %q", ack.Resync)
	}
	c.Restart()
	if ack := c.MustSend(c.Metric()); len(ack.Resync) != 0 {
		t.Errorf("resync %q", ack.Resync)
	}
}

func TestInventory_FiftyThousandEntities(t *testing.T) {
	now := &later{}
	h := hubtest.New(t, func(c *hub.Config) { c.Now = now.now })
	c := h.Enroll()
	var all []*fact.Fact
	for i := range fact.MaxEntities + 500 {
		all = append(all, pkgFact(c, fact.Seen, fmt.Sprintf("package-number-%05d", i), "1.0-1"))
	}
	began := time.Now()
	for i := 0; i < len(all); i += 500 {
		c.MustSend(all[i : i+500]...)
	}
	t.Logf("stored in %v", time.Since(began))
	began = time.Now()
	now.pass(time.Minute)
	c.MustSend(digestFact(c, all[:fact.MaxEntities]...))
	t.Logf("compared in %v", time.Since(began))
	if i := inventoryOf(h, c.ID); i.State != api.InventoryInStep || i.Count != fact.MaxEntities {
		t.Errorf("the inventory is %+v", i)
	}
	c.MustSend(digestFact(c, all[:1]...))
	now.pass(time.Minute)
	if ack := c.MustSend(c.Metric()); len(ack.Resync) != 1 {
		t.Fatalf("resync %q", ack.Resync)
	}
	began = time.Now()
	if _, n, err := ask(c, h); err != nil || n != fact.MaxEntities {
		t.Errorf("%d entities, %v", n, err)
	}
	t.Logf("told in %v", time.Since(began))
}

// sound holds the tables against the log.
func sound(t *testing.T, h *hubtest.Hub) {
	t.Helper()
	h.Stop()
	defer h.Start()
	report, err := hub.Check(t.Context(), h.Dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Faults {
		t.Errorf("%s: %s", f.Where, f.What)
	}
}
