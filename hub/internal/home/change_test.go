package home_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/home"
	"picket.internal/wire"
)

var day = time.Date(2027, 5, 6, 7, 8, 9, 0, time.UTC)

func reopen(t *testing.T, h *home.Home) *home.Home {
	t.Helper()
	again, err := home.Open(h.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// states are those of a role's keys, in the order in which they were made.
func states(h *home.Home, role string) (out []string) {
	for _, k := range h.Keys() {
		if k.Role == role {
			out = append(out, k.State)
		}
	}
	return out
}

func trust(t *testing.T, h *home.Home) *eat.TrustStore {
	t.Helper()
	store, err := h.Trust(nil)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// A key comes, is believed, used, and goes; at every step the folder opens and
// says the same after another opening.
func TestThreat_H11_AKeyComesAndGoes(t *testing.T) {
	h := create(t)
	first, firstLog := h.EAT.Public(), h.Log.Public()
	for _, step := range []struct {
		do   func(h *home.Home) error
		role string
		want []string
		then func(h *home.Home) bool
	}{
		{func(h *home.Home) error { _, err := h.AddKey("token", 0, day); return err }, "token", []string{"in_use", "next"}, func(h *home.Home) bool {
			keys := trust(t, h).HubKeys
			return h.EAT.Public() == first && len(keys) == 2 && keys[0].Key == first && keys[1].NotAfter.Equal(day.Add(home.TokenKeyLife))
		}},
		{func(h *home.Home) error { _, err := h.UseKey("token", day); return err }, "token", []string{"old", "in_use"}, func(h *home.Home) bool {
			keys := trust(t, h).HubKeys // what hosts keep is the same as before
			return h.EAT.Public() == keys[1].Key && keys[0].Key == first && slices.Contains(h.Signers(), first) && h.EATNotAfter.Equal(keys[1].NotAfter)
		}},
		{func(h *home.Home) error { _, err := h.RetireKey("token", "", true, day); return err }, "token", []string{"revoked", "in_use"}, func(h *home.Home) bool {
			store := trust(t, h)
			return len(store.HubKeys) == 1 && store.HubKeys[0].Key == h.EAT.Public() && slices.Equal(store.Revoked, []string{first.ID()}) && !slices.Contains(h.Signers(), first)
		}},
		{func(h *home.Home) error { _, err := h.AddKey("log", 0, day); return err }, "log", []string{"in_use", "next"}, func(h *home.Home) bool {
			return h.Log.Public() == firstLog && len(h.LogBeside) == 1
		}},
		{func(h *home.Home) error { _, err := h.UseKey("log", day); return err }, "log", []string{"old", "in_use"}, func(h *home.Home) bool {
			return h.Log.Public() != firstLog && len(h.LogBeside) == 1 && h.LogBeside[0].Public() == firstLog
		}},
		{func(h *home.Home) error { _, err := h.RetireKey("log", firstLog.ID(), false, day); return err }, "log", []string{"retired", "in_use"}, func(h *home.Home) bool {
			return len(h.LogBeside) == 0 && slices.Equal(h.LogBefore(), []envelope.PublicKey{firstLog})
		}},
		{func(h *home.Home) error { _, err := h.AddKey("evidence", 0, day); return err }, "evidence", []string{"in_use", "next"}, func(h *home.Home) bool {
			return len(h.Evidence) == 1 && string(trust(t, h).EvidenceKey) == string(h.Evidence[0].PublicKey().Bytes())
		}},
		{func(h *home.Home) error { _, err := h.UseKey("evidence", day); return err }, "evidence", []string{"old", "in_use"}, func(h *home.Home) bool {
			return len(h.Evidence) == 2 && string(trust(t, h).EvidenceKey) == string(h.Evidence[0].PublicKey().Bytes())
		}},
		{func(h *home.Home) error { _, err := h.UseKey("tls", day); return err }, "tls", []string{"retired", "in_use", "next"}, func(h *home.Home) bool {
			pin, err := wire.PinOf(h.TLS.Public())
			return err == nil && h.Pins[0] == pin && len(h.Pins) == 2
		}},
	} {
		pins := h.Pins
		if err := step.do(h); err != nil {
			t.Fatal(err)
		}
		h = reopen(t, h)
		if got := states(h, step.role); !slices.Equal(got, step.want) || !step.then(h) {
			t.Errorf("%s: the keys are %v, want %v; all of them %+v", step.role, got, step.want, h.Keys())
		}
		if step.role == "tls" && h.Pins[0] != pins[1] {
			t.Error("what is shown now is not what hosts have pinned as next")
		}
		if strays, err := h.Strays(); err != nil || len(strays) > 0 {
			t.Errorf("strays %v, %v", strays, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(string(h.Dir), "keys", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// TestThreat_H11_AChangeThatIsCutOff ends each change at each of its steps: the
// folder opens, and the change has happened or has not.
func TestThreat_H11_AChangeThatIsCutOff(t *testing.T) {
	changes := map[string]func(h *home.Home) error{
		"add":     func(h *home.Home) error { _, err := h.AddKey("log", 0, day); return err },
		"use":     func(h *home.Home) error { _, err := h.UseKey("token", day); return err },
		"use tls": func(h *home.Home) error { _, err := h.UseKey("tls", day); return err },
		"retire": func(h *home.Home) error {
			next := slices.DeleteFunc(h.Keys(), func(k home.Key) bool { return k.Role != "token" || k.State != "next" })
			_, err := h.RetireKey("token", next[0].ID, false, day)
			return err
		},
	}
	type cut struct{ step string }
	for name, change := range changes {
		for _, step := range []string{"made", "listed"} {
			h := create(t)
			if _, err := h.AddKey("token", 0, day); err != nil {
				t.Fatal(err)
			}
			h = reopen(t, h)
			before := h.Keys()
			h.OnStep(func(at string) {
				if at == step {
					panic(cut{at})
				}
			})
			func() {
				defer func() {
					if p := recover(); p != nil && p != any(cut{step}) {
						panic(p)
					}
				}()
				if err := change(h); err != nil {
					t.Error(err)
				}
			}()
			h = reopen(t, h)
			same := len(h.Keys()) == len(before) && slices.EqualFunc(h.Keys(), before, func(a, b home.Key) bool { return a.State == b.State && a.ID == b.ID })
			if made := step == "made" && (name == "add" || name == "use tls"); same != made {
				t.Errorf("%s cut off at %q: the keys are %+v", name, step, h.Keys())
			}
			trust(t, h)
			// What was half written is in nobody's way.
			if err := os.WriteFile(filepath.Join(string(h.Dir), "keys", "keys.json.new"), []byte(`{"v":`), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := h.AddKey("evidence", 0, day); err != nil {
				t.Errorf("the next change after %s: %v", name, err)
			}
			if strays, err := h.Strays(); err != nil || len(strays) > 1 {
				t.Errorf("strays %v, %v", strays, err)
			}
		}
	}
}

func TestKeysAreChangedInOrder(t *testing.T) {
	for name, do := range map[string]func(h *home.Home) error{
		"use what is not there":          func(h *home.Home) error { _, err := h.UseKey("token", day); return err },
		"retire what is not there":       func(h *home.Home) error { _, err := h.RetireKey("token", "", false, day); return err },
		"retire what is in use":          func(h *home.Home) error { _, err := h.RetireKey("token", h.EAT.Public().ID(), true, day); return err },
		"retire an id of another role":   func(h *home.Home) error { _, err := h.RetireKey("log", h.EAT.Public().ID(), true, day); return err },
		"another next TLS key":           func(h *home.Home) error { _, err := h.AddKey("tls", 0, day); return err },
		"an old TLS key":                 func(h *home.Home) error { _, err := h.RetireKey("tls", "", false, day); return err },
		"the key that hosts enroll with": func(h *home.Home) error { _, err := h.AddKey("online", 0, day); return err },
		"no role":                        func(h *home.Home) error { _, err := h.AddKey("x", 0, day); return err },
		"two next ones": func(h *home.Home) error {
			if _, err := h.AddKey("log", 0, day); err != nil {
				t.Fatal(err)
			}
			_, err := h.AddKey("log", 0, day)
			return err
		},
		"more than hosts take": func(h *home.Home) error {
			for range 7 {
				_, err := h.AddKey("token", 0, day)
				_, err2 := h.UseKey("token", day)
				if err = errors.Join(err, err2); err != nil {
					t.Fatal(err)
				}
			}
			trust(t, h)
			_, err := h.AddKey("token", 0, day)
			return err
		},
		"one of several": func(h *home.Home) error {
			for range 2 {
				_, err := h.AddKey("log", 0, day)
				_, err2 := h.UseKey("log", day)
				if err = errors.Join(err, err2); err != nil {
					t.Fatal(err)
				}
			}
			_, err := h.RetireKey("log", "", false, day)
			return err
		},
	} {
		h := create(t)
		if err := do(h); !errors.Is(err, fault.KeyState) {
			t.Errorf("%s: %v, want %v", name, err, fault.KeyState)
		}
	}
	h := create(t)
	release, err := home.LockKeys(h.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := home.LockKeys(h.Dir); !errors.Is(err, fault.InUse) {
		t.Errorf("two at once: %v, want %v", err, fault.InUse)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestAListOfKeysThatIsNotWhole(t *testing.T) {
	for name, spoil := range map[string]func(text string) string{
		"half of it":             func(s string) string { return s[:len(s)/2] },
		"a newer one":            func(s string) string { return strings.Replace(s, `"v":1`, `"v":2`, 1) },
		"another member":         func(s string) string { return strings.Replace(s, `"v":1`, `"v":1,"x":1`, 1) },
		"a key of another id":    func(s string) string { return strings.Replace(s, `"id":"`, `"id":"0`, 1) },
		"a file elsewhere":       func(s string) string { return strings.Replace(s, `"file":"eat.pem"`, `"file":"../keys/eat.pem"`, 1) },
		"the file of another":    func(s string) string { return strings.Replace(s, `"file":"eat.pem"`, `"file":"log.pem"`, 1) },
		"no key in use":          func(s string) string { return strings.Replace(s, `"role":"log"`, `"role":"token"`, 1) },
		"a role that is not":     func(s string) string { return strings.Replace(s, `"role":"log"`, `"role":"lag"`, 1) },
		"a state that is not":    func(s string) string { return strings.Replace(s, `"state":"next"`, `"state":"nest"`, 1) },
		"a key without its file": func(s string) string { return strings.Replace(s, `"file":"log.pem",`, ``, 1) },
		"a log that ends": func(s string) string {
			return strings.Replace(s, `"file":"log.pem"`, `"file":"log.pem","not_after":"2027-05-06T07:08:09Z"`, 1)
		},
	} {
		h := create(t)
		if _, err := h.AddKey("log", 0, day); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(string(h.Dir), "keys", "keys.json")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if spoilt := spoil(string(text)); spoilt == string(text) {
			t.Fatalf("%s: nothing was changed in %s", name, text)
		} else if err := os.WriteFile(path, []byte(spoilt), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := home.Open(h.Dir); err == nil || got != nil {
			t.Errorf("%s: opened", name)
		}
	}
}
