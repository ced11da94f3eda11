//go:build linux

package gate

import (
	"errors"
	"testing"
	"time"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
)

// What root writes on a host while the hub's keys are changed.
func trustOf(t *testing.T, log envelope.PrivateKey, keys ...eat.HubKey) *eat.TrustStore {
	t.Helper()
	trust := eattest.Trust(t)
	trust.HubKeys = keys
	vkey, err := eat.LogVerifier(eattest.LogName, log.Public())
	must(t, err)
	trust.Log = vkey
	must(t, trust.Validate())
	return trust
}

// TestThreat_H11_AHostGoesByItsTrustStore: a host takes what a key signs from the
// day that root's file names the key until the day that the file names as its
// end, or says that it is revoked, whatever the hub does meanwhile.
func TestThreat_H11_AHostGoesByItsTrustStore(t *testing.T) {
	s := newSite(t)
	newKey, newLog := eattest.Key(21), eattest.Key(22)
	before := eat.HubKey{Key: eattest.HubKey.Public(), NotAfter: eattest.Now.Add(24 * time.Hour)}
	after := eat.HubKey{Key: newKey.Public(), NotAfter: eattest.Now.AddDate(2, 0, 0)}
	takes := func(what string, key envelope.PrivateKey, want error, logs ...envelope.PrivateKey) {
		t.Helper()
		s.hub.Key, s.hub.LogKeys = key, logs
		got, err := s.run(t, s.deliver(t, s.token(t, eat.Noop{})))
		switch {
		case want == nil && (err != nil || len(got) == 0 || got[len(got)-1].Outcome != eat.OutcomeDone):
			t.Errorf("%s: %+v, %v; want it done", what, got, err)
		case want != nil && !errors.Is(err, want) && (len(got) == 0 || got[len(got)-1].Refusal != want.(*eat.Refusal).ID):
			t.Errorf("%s: %+v, %v; want %v", what, got, err, want)
		}
		if want == nil {
			s.noteSeen(t)
		}
	}

	s.write(t, trustFile, trustOf(t, eattest.LogKey, before))
	takes("the key of before", eattest.HubKey, nil, eattest.LogKey)
	takes("a key that the host has not learned", newKey, eat.ErrBadSignature, eattest.LogKey, newLog)
	takes("a log that both keys sign, to a host with the old one", eattest.HubKey, nil, eattest.LogKey, newLog)

	s.write(t, trustFile, trustOf(t, eattest.LogKey, before, after))
	takes("the old key, to a host with both", eattest.HubKey, nil, eattest.LogKey, newLog)
	takes("the new key, to a host with both", newKey, nil, eattest.LogKey, newLog)

	s.write(t, trustFile, trustOf(t, newLog, before, after))
	takes("a log that both keys sign, to a host with the new one", newKey, nil, eattest.LogKey, newLog)
	takes("a log that the old key alone signs, to a host with the new one", newKey, eat.ErrBadCheckpoint, eattest.LogKey)
	takes("a log that the new key alone signs", newKey, nil, newLog)

	revoked := trustOf(t, newLog, before, after)
	revoked.Revoked = []string{eattest.HubKey.Public().ID()}
	s.write(t, trustFile, revoked)
	takes("a revoked key", eattest.HubKey, eat.ErrRevokedKey, newLog)
	takes("the other beside it", newKey, nil, newLog)
	s.write(t, trustFile, trustOf(t, newLog, after))
	takes("a key that was taken out", eattest.HubKey, eat.ErrBadSignature, newLog)

	s.write(t, trustFile, trustOf(t, newLog, before, after))
	s.after = 24 * time.Hour
	takes("the old key at its end", eattest.HubKey, nil, newLog)
	s.after += time.Second
	takes("the old key after its end", eattest.HubKey, eat.ErrKeyExpired, newLog)
	takes("the new key then", newKey, nil, newLog)
}
