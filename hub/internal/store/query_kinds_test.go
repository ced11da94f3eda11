package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
)

// Each host and kind comes once, with the newest fact, whichever came last; what
// the hub says itself of a host counts as the host's.
func TestHostKinds(t *testing.T) {
	b := newBench(t)
	one, two := b.enroll("a"), b.enroll("b")
	start := b.clock.Now().UTC().Truncate(time.Millisecond)
	send := func(h *host, kind fact.Kind, at time.Time) {
		f := h.at(at)
		h.send(&fact.Fact{ID: f.ID, Time: at, Kind: kind, Host: f.Host, Canary: &fact.Canary{Action: fact.CanaryRead}, Metric: &fact.Metric{}})
	}
	send(one, fact.KindCanary, start)
	send(one, fact.KindCanary, start.Add(-48*time.Hour))
	send(one, fact.KindMetric, start.Add(time.Second))
	send(two, fact.KindMetric, start.Add(2*time.Second))
	all, err := b.HostKinds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]time.Time{}
	for _, k := range all {
		if k.Kind != string(fact.KindFleet) {
			got[k.HostID+" "+k.Kind] = k.Last
		}
	}
	want := map[string]time.Time{one.id + " canary": start, one.id + " metric": start.Add(time.Second), two.id + " metric": start.Add(2 * time.Second)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}
