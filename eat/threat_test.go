package eat_test

import (
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
)

// refuse runs the cases of a refusal whose description starts with one of what.
func refuse(t *testing.T, id string, what ...string) {
	t.Helper()
	for _, w := range what {
		met := false
		for _, c := range refusalCases {
			if c.id != id || !strings.HasPrefix(c.what, w) {
				continue
			}
			met = true
			s := newScene(t)
			c.setup(s)
			if v, refusal := s.verify(); v != nil || refusal == nil || refusal.ID != id {
				t.Errorf("%s: %v, want %s", c.what, refusal, id)
			}
		}
		if !met {
			t.Errorf("no case of %s is called %q", id, w)
		}
	}
}

func TestThreat_F1_OtherStatementsAsTokens(t *testing.T) {
	refuse(t, "env.wrong_payload_type", "a receipt", "a batch", "another case", "a space behind")
}

func TestThreat_F2_TokensOfTwoMeanings(t *testing.T) {
	refuse(t, "env.duplicate_key", "two actions")
	refuse(t, "env.unknown_field", "another case")
	refuse(t, "env.missing_field", "null", "no host")
}

func TestThreat_F6_TokensInASecondSpelling(t *testing.T) {
	refuse(t, "env.not_canonical", "a space", "a needless escape")
	refuse(t, "eat.bad_field", "a second spelling of a time")
}

func TestThreat_F8_OneOperatorTwice(t *testing.T) {
	refuse(t, "eat.threshold_not_met", "one key under two key ids")
}

func TestThreat_W7_Replay(t *testing.T) {
	refuse(t, "eat.already_used", "the id", "the payload")
	refuse(t, "eat.counter_too_low", "the same")
	refuse(t, "eat.wrong_boot", "an older boot's")
}

func TestThreat_W8_OtherHostsAndHubs(t *testing.T) {
	refuse(t, "eat.wrong_host", "another host's", "this host has no id")
	refuse(t, "eat.wrong_hub", "another hub's")
	refuse(t, "eat.bad_field", "host *")
}

func TestThreat_W9_ClockSetBackAndAhead(t *testing.T) {
	refuse(t, "time.below_floor", "the clock set back a day")
	refuse(t, "eat.expired", "the clock set ahead a day")
	refuse(t, "eat.ttl_too_long", "a year")
	refuse(t, "eat.not_yet", "31 s early")
}

// A token from a hub whose clock is ahead does not lift the floor above the
// host's own clock, or the next honest one would be refused.
func TestThreat_W9_FloorNeverAboveTheClock(t *testing.T) {
	s := newScene(t)
	s.in.Now = s.token.Issued.Add(-20 * 1e9)
	v, refusal := s.verify()
	if refusal != nil {
		t.Fatal(refusal)
	}
	if !v.Floor().Equal(s.in.Now) {
		t.Errorf("floor %v, now %v", v.Floor(), s.in.Now)
	}
}

func TestThreat_W10_HubAlone(t *testing.T) {
	refuse(t, "eat.threshold_not_met", "the hub alone", "release as a way around", "a stranger")
	refuse(t, "policy.protected_target", "root", "sshd", "passwd", "the hub", "evidence from elsewhere")
	refuse(t, "policy.rate", "the eleventh in an hour")
	refuse(t, "policy.action_not_allowed", "not in the policy")
	refuse(t, "eat.counter_too_high", "would use up all")
}

func TestThreat_H10_LogRolledBackOrForked(t *testing.T) {
	refuse(t, "eat.log_rollback", "an older database")
	refuse(t, "eat.log_fork", "the host was shown another record", "of the same size", "no proof")
	refuse(t, "eat.not_logged", "no proof", "another record", "another token of the same id")
}

// A hub that keeps two logs can act with one of them only: a host that has seen
// the first refuses the second for good.
func TestThreat_H10_SplitView(t *testing.T) {
	s := newScene(t)
	secret := s.hub.Fork()
	v, refusal := s.verify()
	if refusal != nil {
		t.Fatal(refusal)
	}
	var seen tlog.Tree
	_, seen = v.Checkpoint()
	s.in.Seen, s.seen, s.hub = seen, seen.N, secret
	s.token.ID, s.token.Counter = earlierToken, 2
	s.hub.Append(t, login("login/hidden"))
	if v, refusal := s.verify(); v != nil || refusal == nil || refusal.ID != eat.ErrLogFork.ID {
		t.Errorf("a token of the second log: %v", refusal)
	}
}

func TestThreat_H11_OldAndStolenHubKeys(t *testing.T) {
	refuse(t, "eat.key_expired", "a second later")
	refuse(t, "eat.revoked_key", "the hub's key")
	s := newScene(t)
	s.in.Now = eattest.Now.AddDate(2, 0, 0)
	s.token.Issued, s.token.NotBefore, s.token.Expires = s.in.Now, s.in.Now, s.in.Now.AddDate(0, 0, 0).Add(60*1e9)
	if v, refusal := s.verify(); v != nil || refusal == nil || refusal.ID != eat.ErrKeyExpired.ID {
		t.Errorf("a new token of an old key: %v", refusal)
	}
}
