//go:build linux

package gate

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/internal/testneed"
)

// newNetworkSite is a site whose wrapper isolates a network namespace of the
// test's own, which ends with the test.
func newNetworkSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	runtime.LockOSThread() // never unlocked: the thread ends with its namespace
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		testneed.Missing(t, fmt.Sprintf("needs a network namespace of its own: %v", err))
	}
	s.policy.Open.Hub = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443")}
	s.write(t, policyFile, s.policy)
	return s
}

func isIsolated(t *testing.T) bool {
	t.Helper()
	tables, err := new(nftables.Conn).ListTables()
	must(t, err)
	return slices.ContainsFunc(tables, func(at *nftables.Table) bool { return at.Name == "picket_isolation" })
}

// TestIsolationWaitsForTheHub: an isolation that cuts off the hub too ends by
// itself, and one after which the hub is heard stays to the end of its lease.
func TestIsolationWaitsForTheHub(t *testing.T) {
	for name, c := range map[string]struct {
		heard  bool
		early  bool          // the word was made before the isolation, and comes after it
		behind time.Duration // of the hub's clock
		until  time.Duration // the last moment at which it is in force
		detail string
	}{
		"not heard":                     {until: confirmTime - time.Second, detail: "the hub was not heard since"},
		"heard":                         {heard: true, until: 10*time.Minute - time.Second, detail: "its lease is over"},
		"heard by a clock that is slow": {heard: true, behind: 45 * time.Second, until: 10*time.Minute - time.Second, detail: "its lease is over"},
		"what was on its way before":    {early: true, until: confirmTime - time.Second, detail: "the hub was not heard since"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newNetworkSite(t)
			isolation, other := s.token(t, eat.IsolateNetwork{Lifetime: 600}), s.token(t, eat.Noop{})
			early := s.hub.Issue(t, other, s.seen, eattest.AliceKey, eattest.BobKey) // it is in the log already
			got, err := s.run(t, s.deliver(t, isolation))
			must(t, err)
			r := got[len(got)-1]
			if r.Outcome != eat.OutcomeDone || !isIsolated(t) {
				t.Fatalf("%+v, isolated %v", r, isIsolated(t))
			}
			s.noteSeen(t)
			if c.early {
				order, err := s.hub.Prove(t, early.Envelope, early.Index, s.seen).Encode()
				must(t, err)
				got, err := s.run(t, order)
				must(t, err)
				if last := got[len(got)-1]; last.Token != other.ID || last.Outcome != eat.OutcomeDone {
					t.Fatalf("%+v", last)
				}
			}
			if c.heard {
				s.after = 30*time.Second - c.behind
				word := s.token(t, eat.Noop{})
				s.after = 30 * time.Second
				got, err := s.run(t, s.deliver(t, word))
				must(t, err)
				if last := got[len(got)-1]; last.Token != word.ID || last.Outcome != eat.OutcomeDone {
					t.Fatalf("%+v", last)
				}
				s.noteSeen(t)
			}
			s.after = c.until
			s.leases(t)
			if !isIsolated(t) {
				t.Fatalf("it has ended before %s", c.until+time.Second)
			}
			s.after += time.Second
			s.leases(t)
			all := s.spooled(t)
			if last := all[len(all)-1]; isIsolated(t) || last.Token != r.Token || last.Outcome != eat.OutcomeAutoUndone || last.Detail != c.detail {
				t.Errorf("isolated %v, and the last receipt is %+v", isIsolated(t), last)
			}
		})
	}
}

// TestWhatWasInForceIsReadAfterAnUpgrade: a record may hold what an older
// version needed.
func TestWhatWasInForceIsReadAfterAnUpgrade(t *testing.T) {
	s := newNetworkSite(t)
	r := s.do(t, eat.IsolateNetwork{Lifetime: 600})
	h, err := open(s.config())
	must(t, err)
	e := h.ledger.entries[r.Token]
	e.Record = append([]byte(`{"confirm_by":"2026-11-26T00:00:00Z",`), e.Record[1:]...)
	must(t, h.ledger.put(e))
	h.close()
	if back := s.do(t, eat.ReleaseNetwork{}); back.Outcome != eat.OutcomeDone || isIsolated(t) {
		t.Errorf("%+v, isolated %v", back, isIsolated(t))
	}
}
