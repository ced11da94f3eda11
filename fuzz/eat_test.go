package fuzz

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// refused fails the test unless err is a refusal with an id.
func refused(t *testing.T, data []byte, err error) {
	t.Helper()
	var r *eat.Refusal
	if !errors.As(err, &r) || r.ID == "" {
		t.Fatalf("%q: refused with %v", data, err)
	}
}

// everyArgs has an example of each action's arguments.
func everyArgs() []eat.Args {
	hash := strings.Repeat("0f", 32)
	process := eat.Process{PID: 4211, StartTicks: 918273, SHA256: hash}
	fingerprint := "SHA256:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE"
	ranges := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	return []eat.Args{
		eat.Noop{}, eat.Attest{Nonce: hash}, eat.IsolateNetwork{Allow: ranges, Lifetime: 60}, eat.ReleaseNetwork{},
		eat.KillProcess{Process: process}, eat.SuspendProcess{Process: process, Tree: true, Lifetime: 60}, eat.ResumeProcess{Process: process},
		eat.QuarantineFile{Path: eat.PathOf("/tmp/\xff"), SHA256: hash, Dev: 1, Ino: 2, Lifetime: 60}, eat.RestoreFile{Record: eattest.TokenID},
		eat.DisableUser{Name: "mallory", Lifetime: 60}, eat.EnableUser{Name: "mallory"},
		eat.RevokeSSHKey{Fingerprint: fingerprint, User: "root", Lifetime: 60}, eat.RestoreSSHKey{Fingerprint: fingerprint},
		eat.StopService{Unit: "cron.service", Lifetime: 60}, eat.StartService{Unit: "getty@tty1.service"},
		eat.BlockAddress{Prefixes: ranges, Lifetime: 60}, eat.UnblockAddress{Prefixes: ranges},
		eat.CollectEvidence{What: []string{"files", "logins"}, Files: []eat.Path{eat.PathOf("/tmp/x")}, MaxBytes: 1 << 20, MaxSeconds: 1},
		eat.CollectEvidence{Again: eattest.TokenID, From: 7},
		eat.Release{Token: eattest.TokenID},
	}
}

// FuzzToken gives Open the input as a payload that the hub has signed. What
// opens is within its bounds and signs again to the same bytes: a token has one
// spelling, so that what a person was shown is what is acted on.
func FuzzToken(f *testing.F) {
	for _, args := range everyArgs() {
		payload, err := eattest.Token(args).Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	addShared(f, "../eat/testdata/token.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := eat.Open(signed(envelope.EAT, data, eattest.HubKey), eattest.HubKey.Public())
		if err != nil {
			if o != nil {
				t.Fatalf("refused with %v, handing out %v", err, o)
			}
			refused(t, data, err)
			return
		}
		again, err := eat.Sign(o.Token, eattest.HubKey)
		if err != nil || !bytes.Equal(again, signed(envelope.EAT, data, eattest.HubKey)) || !bytes.Equal(o.Payload, data) {
			t.Fatalf("%q signed again is %s: %v", data, again, err)
		}
		action, known := eat.ActionNamed(o.Token.Action())
		if !known || action.Contains != (o.Token.Lifetime() > 0) || o.Token.Lifetime() > eat.MaxLifetime || action.NeedsBoot && o.Token.Boot == "" {
			t.Fatalf("%q opens", data)
		}
		for _, line := range eat.Words(o.Token) {
			if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%q reads %q", data, line)
			}
		}
	})
}

// FuzzReceipt gives OpenReceipt the input as a payload that the wrapper has
// signed, and UnverifiedReceipt as an envelope. What opens seals again to the
// same bytes, and reads the same without the wrapper's key.
func FuzzReceipt(f *testing.F) {
	addShared(f, "../eat/testdata/receipt.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := eat.UnverifiedReceipt(data); (r == nil) != (err != nil) {
			t.Fatalf("%q reads as %v, %v", data, r, err)
		}
		sealed := signed(envelope.Receipt, data, eattest.WrapperKey)
		r, digest, err := eat.OpenReceipt(sealed, eattest.WrapperKey.Public())
		if err != nil {
			if r != nil || digest != "" {
				t.Fatalf("refused with %v, handing out %v", err, r)
			}
			refused(t, data, err)
			return
		}
		again, sum, err := eat.SealReceipt(*r, eattest.WrapperKey)
		if err != nil || !bytes.Equal(again, sealed) || sum != digest {
			t.Fatalf("%q sealed again is %s: %v", data, again, err)
		}
		if unverified, err := eat.UnverifiedReceipt(sealed); err != nil || !reflect.DeepEqual(unverified, r) {
			t.Fatalf("%q reads as %v without the key: %v", data, unverified, err)
		}
		seenByLog(t, r)
	})
}

// seenByLog: what a receipt says of the log is a checkpoint that the log's key
// has signed, and says the same written into another receipt; or it is refused.
func seenByLog(t *testing.T, r *eat.Receipt) {
	t.Helper()
	log := eattest.Trust(t).Log
	tree, note, err := r.Seen(log)
	if err != nil && (note != nil || tree.N != 0) {
		t.Fatalf("refused with %v, handing out %q", err, note)
	}
	if note == nil {
		return
	}
	if opened, err := eat.OpenCheckpoint(note, log); err != nil || opened != tree {
		t.Fatalf("%q opens as %v: %v", note, opened, err)
	}
	var again eat.Receipt
	again.Saw(tree.N, string(note), log)
	for name, value := range again.Effect {
		if r.Effect[name] != value {
			t.Fatalf("%s is %q, and %q again", name, r.Effect[name], value)
		}
	}
}

// FuzzHostPolicy gives ParsePolicy and ParseTrust the input. What parses means
// the same after it was written, and names no action that there is not.
func FuzzHostPolicy(f *testing.F) {
	addShared(f, "../eat/testdata/*-policy.json")
	addShared(f, "../eat/testdata/trust.json")
	f.Add([]byte(`{"v":1,"actions":{},"open":{},"protected":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := eat.ParsePolicy(data); err == nil {
			for name := range p.Actions {
				if _, known := eat.ActionNamed(name); !known {
					t.Fatalf("%q allows %q", data, name)
				}
			}
			rewritten(t, data, p, func(data []byte) (encoder, error) { return eat.ParsePolicy(data) })
		} else if refused(t, data, err); p != nil {
			t.Fatalf("refused with %v, handing out %v", err, p)
		}
		if s, err := eat.ParseTrust(data); err == nil {
			rewritten(t, data, s, func(data []byte) (encoder, error) { return eat.ParseTrust(data) })
		} else if refused(t, data, err); s != nil {
			t.Fatalf("refused with %v, handing out %v", err, s)
		}
	})
}

type encoder interface{ Encode() ([]byte, error) }

func rewritten(t *testing.T, data []byte, value encoder, parse func([]byte) (encoder, error)) {
	t.Helper()
	first, err := value.Encode()
	if err != nil {
		t.Fatalf("%q parses and cannot be written: %v", data, err)
	}
	again, err := parse(first)
	if err != nil {
		t.Fatalf("%q is written as %q, which does not parse: %v", data, first, err)
	}
	if second, err := again.Encode(); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%q is written as %q, and again as %q: %v", data, first, second, err)
	}
}

// noLedger remembers nothing.
type noLedger struct{}

func (noLedger) Used(string, string) bool       { return false }
func (noLedger) Counters() eat.Counters         { return eat.Counters{} }
func (noLedger) Recent(string, time.Time) int   { return 0 }
func (noLedger) ActionOf(string) (string, bool) { return eat.ActionSuspendProcess, true }

// FuzzDelivery gives Verify the input as it is, and OpenCheckpoint too. What is
// accepted is one of the tokens that the hub signed and logged: nobody can make
// another out of them.
func FuzzDelivery(f *testing.F) {
	policy := eat.DefaultPolicy()
	policy.Open.Hub = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.10:7443")}
	hub := eattest.NewHub(f)
	in := eat.Input{
		Now: eattest.Now.Add(time.Second), HostID: eattest.HostID, BootID: eattest.BootID, Trust: eattest.Trust(f), Policy: &policy,
		Seen: hub.Tree(f), Ledger: noLedger{},
	}
	issued := map[string]bool{}
	var checkpoints []tlog.Tree
	for _, args := range everyArgs() {
		d := hub.Issue(f, eattest.Token(args), in.Seen.N, eattest.AliceKey)
		opened, err := eat.Open(d.Envelope, eattest.HubKey.Public())
		if err != nil {
			f.Fatal(err)
		}
		issued[opened.SHA256] = true
		checkpoints = append(checkpoints, hub.Tree(f))
		data, err := d.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(d.Checkpoint)
	}
	f.Add([]byte(`{"v":1,"envelope":{},"checkpoint":"","index":0,"inclusion":[],"from":0,"consistency":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, refusal := eat.Verify(data, in)
		switch {
		case (v == nil) == (refusal == nil):
			t.Fatalf("%q: %v and %v", data, v, refusal)
		case refusal != nil && refusal.ID == "":
			t.Fatalf("%q: refused with %v", data, refusal)
		case v != nil && !issued[v.SHA256()]:
			t.Fatalf("%q gives a token that the hub has not issued", data)
		}
		if d, err := eat.ParseDelivery(data); err == nil {
			redelivered(t, data, d)
		} else {
			refused(t, data, err)
		}
		tree, err := eat.OpenCheckpoint(data, in.Trust.Log)
		if err == nil {
			for _, c := range checkpoints {
				if c == tree {
					return
				}
			}
			t.Fatalf("%q is a checkpoint that the hub has not signed: %v", data, tree)
		}
		refused(t, data, err)
	})
}

// redelivered holds what parses to what is written of it.
func redelivered(t *testing.T, data []byte, d eat.Delivery) {
	t.Helper()
	first, err := d.Encode()
	if err != nil {
		if len(data) < eat.MaxDelivery/2 {
			t.Fatalf("%q parses and cannot be written: %v", data, err)
		}
		return // written again it may be longer than it was
	}
	again, err := eat.ParseDelivery(first)
	if err != nil || !bytes.Equal(again.Envelope, d.Envelope) || !bytes.Equal(again.Checkpoint, d.Checkpoint) || again.Index != d.Index || again.From != d.From {
		t.Fatalf("%q is written as %q: %v", data, first, err)
	}
	if err := strictjson.Check(first, strictjson.Limits{Bytes: eat.MaxDelivery, String: eat.MaxDelivery}); err != nil {
		t.Fatal(err)
	}
}
