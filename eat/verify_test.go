package eat_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
)

// ledger is what a host remembers, in plain values.
type ledger struct {
	used   map[string]string // id or digest to action
	high   uint64
	recent int
}

func (l *ledger) Used(id, sha256 string) bool       { return l.used[id] != "" || l.used[sha256] != "" }
func (l *ledger) Counters() eat.Counters            { return eat.Counters{High: l.high} }
func (l *ledger) Recent(string, time.Time) int      { return l.recent }
func (l *ledger) ActionOf(id string) (string, bool) { a, ok := l.used[id]; return a, ok }

// scene is a host, its hub, and one delivery. Each case changes one thing.
type scene struct {
	t         *testing.T
	hub       *eattest.Hub
	token     eat.Token
	operators []envelope.PrivateKey
	seen      int64 // how much of the log the hub believes the host has seen
	in        eat.Input
	ledger    *ledger
	// delivery and data change what was made of the token, where set.
	delivery func(*eat.Delivery)
	data     func([]byte) []byte
}

const earlierToken = "01K3Z9V6W4Q2N8T1XEJ5B7RM00"

func newScene(t *testing.T) *scene {
	t.Helper()
	policy := eat.DefaultPolicy()
	policy.Open.Hub = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.10:7443")}
	policy.Open.Resolvers = []netip.Addr{netip.MustParseAddr("192.0.2.53")}
	policy.Open.Extra = []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/48")}
	policy.Open.Forward = []eat.ForwardTo{{To: netip.MustParsePrefix("2001:db8:2::/48"), Protocol: "tcp", Port: 5432}}
	hub := eattest.NewHub(t)
	memory := &ledger{used: map[string]string{}}
	return &scene{
		t: t, hub: hub, ledger: memory, seen: 3,
		token: eattest.Token(eat.SuspendProcess{Process: process(), Tree: true, Lifetime: 900}),
		in: eat.Input{
			Now: eattest.Now.Add(time.Second), Floor: eattest.Now.Add(-time.Hour), HostID: eattest.HostID, BootID: eattest.BootID,
			Trust: eattest.Trust(t), Policy: &policy, Seen: hub.Tree(t), Ledger: memory,
		},
	}
}

func process() eat.Process {
	return eat.Process{PID: 4211, StartTicks: 918273, SHA256: strings.Repeat("0f", 32)}
}

func (s *scene) deliver() []byte {
	s.t.Helper()
	d := s.hub.Issue(s.t, s.token, s.seen, s.operators...)
	if s.delivery != nil {
		s.delivery(&d)
	}
	data, err := d.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	if s.data != nil {
		data = s.data(data)
	}
	return data
}

func (s *scene) verify() (*eat.Verified, *eat.Refusal) { return eat.Verify(s.deliver(), s.in) }

// payload signs a payload with the hub's key, whatever it holds, and logs it.
func (s *scene) payload(payload string) {
	s.delivery = func(d *eat.Delivery) {
		d.Envelope = signRaw(envelope.EAT, payload, eattest.HubKey)
	}
}

func signRaw(typ envelope.Type, payload string, key envelope.PrivateKey) []byte {
	return envelope.Join(typ, []byte(payload), key.Public(), ed25519.Sign(key.Std(), envelope.Message(typ, []byte(payload))))
}

// text is the payload of the scene's token, with replacements made in it.
func (s *scene) text(oldnew ...string) string {
	s.t.Helper()
	payload, err := s.token.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	out := strings.NewReplacer(oldnew...).Replace(string(payload))
	if out == string(payload) {
		s.t.Fatalf("%q is not in %s", oldnew, payload)
	}
	return out
}

// release makes the token one that releases an earlier one of an action.
func (s *scene) release(action string) {
	s.token.Args, s.ledger.used[earlierToken], s.ledger.high, s.token.Counter = eat.Release{Token: earlierToken}, action, 1, 2
}

type refusalCase struct {
	id    string // the refusal
	what  string
	setup func(s *scene)
}

// refusalCases has at least one case for every refusal of Verify, the table's
// order being that of the checks.
var refusalCases = []refusalCase{
	{"trust.invalid", "no trust store", func(s *scene) { s.in.Trust = nil }},
	{"trust.invalid", "a trust store that was not parsed", func(s *scene) { s.in.Trust.Hub = "*" }},
	{"policy.invalid", "no policy", func(s *scene) { s.in.Policy = nil }},
	{"policy.invalid", "a policy that was not parsed", func(s *scene) { s.in.Policy.V = 0 }},
	{"eat.no_ledger", "the ledger could not be read", func(s *scene) { s.in.Ledger = nil }},

	{"eat.too_large", "a byte over 128 KiB", func(s *scene) {
		s.data = func(data []byte) []byte {
			return append(data, bytes.Repeat([]byte(" "), eat.MaxDelivery+1-len(data))...)
		}
	}},
	{"eat.bad_delivery", "nothing", func(s *scene) { s.data = func([]byte) []byte { return nil } }},
	{"eat.bad_delivery", "truncated", func(s *scene) { s.data = func(data []byte) []byte { return data[:len(data)-1] } }},
	{"eat.bad_delivery", "two documents", func(s *scene) { s.data = func(data []byte) []byte { return append(data, data...) } }},
	{"eat.bad_delivery", "the envelope alone", func(s *scene) {
		s.data = func(data []byte) []byte {
			d, _ := eat.ParseDelivery(data)
			return d.Envelope
		}
	}},
	{"eat.bad_delivery", "an unknown member", func(s *scene) { s.data = replace(`"v":1`, `"v":1,"policy":{}`) }},
	{"eat.bad_delivery", "another version", func(s *scene) { s.data = replace(`"v":1`, `"v":2`) }},
	{"eat.bad_delivery", "a negative index", func(s *scene) { s.data = replace(`"index":3`, `"index":-3`) }},
	{"eat.bad_delivery", "a short hash", func(s *scene) { s.data = replace(`"inclusion":["`, `"inclusion":["AAAA","`) }},

	{"env.wrong_payload_type", "a receipt", func(s *scene) { s.wrap(envelope.Receipt) }},
	{"env.wrong_payload_type", "a batch", func(s *scene) { s.wrap(envelope.Batch) }},
	{"env.wrong_payload_type", "another case", func(s *scene) { s.wrap(envelope.Type{Name: "Application/vnd.picket.eat.v1+json"}) }},
	{"env.wrong_payload_type", "a space behind", func(s *scene) { s.wrap(envelope.Type{Name: envelope.EAT.Name + " "}) }},
	{"env.malformed", "no envelope", func(s *scene) { s.delivery = func(d *eat.Delivery) { d.Envelope = []byte(`"eat"`) } }},
	{"eat.bad_signature", "a stranger's", func(s *scene) {
		s.delivery = func(d *eat.Delivery) {
			d.Envelope = signRaw(envelope.EAT, s.text("900", "901"), eattest.Key(99))
		}
	}},
	{"eat.bad_signature", "the payload changed", func(s *scene) {
		s.delivery = func(d *eat.Delivery) {
			d.Envelope = envelope.Join(envelope.EAT, []byte(s.text("900", "901")), eattest.HubKey.Public(), signatureOf(d.Envelope))
		}
	}},
	{"eat.bad_signature", "operators without the hub", func(s *scene) {
		s.delivery = func(d *eat.Delivery) { d.Envelope = signRaw(envelope.EAT, s.text("900", "901"), eattest.AliceKey) }
	}},
	{"eat.revoked_key", "the hub's key", func(s *scene) { s.in.Trust.Revoked = []string{eattest.HubKey.Public().ID()} }},
	{"eat.revoked_key", "the log's key", func(s *scene) { s.in.Trust.Revoked = []string{eattest.LogKey.Public().ID()} }},
	{"eat.key_expired", "a second later", func(s *scene) { s.in.Trust.HubKeys[0].NotAfter = s.in.Now.Add(-time.Second) }},

	{"env.not_canonical", "a space", func(s *scene) { s.payload(s.text(`"v":1`, `"v": 1`)) }},
	{"env.not_canonical", "a needless escape", func(s *scene) { s.payload(s.text("alert", `\u0061lert`)) }},
	{"env.duplicate_key", "two actions", func(s *scene) { s.payload(s.text(`"args"`, `"action":"noop","args"`)) }},
	{"env.unknown_field", "another case", func(s *scene) { s.payload(s.text(`{"action"`, `{"ACTION":"noop","action"`)) }},
	{"env.missing_field", "no host", func(s *scene) { s.payload(s.text(`"host":"`+eattest.HostID+`",`, "")) }},
	{"env.missing_field", "null", func(s *scene) { s.payload(s.text(`"action":"suspend_process"`, `"action":null`)) }},
	{"env.invalid_utf8", "in the reason", func(s *scene) { s.payload(s.text("alert", "al\xffrt")) }},
	{"env.number_not_canonical", "a float", func(s *scene) { s.payload(s.text(`"v":1`, `"v":1.0`)) }},
	{"env.too_deep", "17 levels", func(s *scene) {
		s.payload(s.text(`"process":{`, `"process":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`,"q":{`))
	}},
	{"eat.bad_field", "v 2", func(s *scene) { s.payload(s.text(`"v":1`, `"v":2`)) }},
	{"eat.bad_field", "host *", func(s *scene) { s.payload(s.text(eattest.HostID, "*")) }},
	{"eat.bad_field", "a second spelling of a time", func(s *scene) { s.payload(s.text("07:08:09Z", "07:08:09.0Z")) }},
	{"eat.unknown_action", "a path", func(s *scene) { s.payload(s.text("suspend_process", "../../bin/ls")) }},
	{"eat.unknown_action", "none", func(s *scene) { s.payload(s.text("suspend_process", "")) }},
	{"eat.bad_param", "pid 1", func(s *scene) { s.payload(s.text("4211", "1")) }},
	{"eat.bad_param", "an unknown argument", func(s *scene) { s.payload(s.text(`{"lifetime"`, `{"command":"id","lifetime"`)) }},
	{"eat.bad_param", "arguments of another action", func(s *scene) { s.payload(s.text("suspend_process", "noop")) }},

	{"eat.wrong_hub", "another hub's", func(s *scene) { s.token.Hub = "u_eaqcaibaeaqcaibaeaqcaibaea" }},
	{"eat.wrong_host", "another host's", func(s *scene) { s.token.Host = "h_aibaeaqcaibaeaqcaibaeaqcai" }},
	{"eat.wrong_host", "this host has no id", func(s *scene) { s.in.HostID = "" }},
	{"eat.wrong_boot", "an older boot's", func(s *scene) { s.in.BootID = "00000000-6f0e-4d0b-9c7e-0d8f5a1b2c3d" }},

	{"eat.ttl_too_long", "a second over", func(s *scene) { s.token.Expires = s.token.Issued.Add(301 * time.Second) }},
	{"eat.ttl_too_long", "a year", func(s *scene) { s.token.Expires = s.token.Issued.AddDate(1, 0, 0) }},
	{"time.below_floor", "the clock set back a day", func(s *scene) { s.in.Floor, s.in.Now = s.in.Now, s.in.Now.AddDate(0, 0, -1) }},
	{"eat.not_yet", "31 s early", func(s *scene) { s.in.Now = s.token.NotBefore.Add(-31 * time.Second) }},
	{"eat.expired", "at its last moment", func(s *scene) { s.in.Now = s.token.Expires }},
	{"eat.expired", "the clock set ahead a day", func(s *scene) { s.in.Now = s.in.Now.AddDate(0, 0, 1) }},

	{"eat.bad_checkpoint", "another key's", func(s *scene) {
		s.delivery = func(d *eat.Delivery) {
			d.Checkpoint = checkpoint(s.t, s.hub.Tree(s.t), eattest.LogName, eattest.Key(99))
		}
	}},
	{"eat.bad_checkpoint", "another log's", func(s *scene) {
		s.delivery = func(d *eat.Delivery) { d.Checkpoint = checkpoint(s.t, s.hub.Tree(s.t), "elsewhere", eattest.LogKey) }
	}},
	{"eat.bad_checkpoint", "a changed size", func(s *scene) {
		s.delivery = func(d *eat.Delivery) { d.Checkpoint = bytes.Replace(d.Checkpoint, []byte("\n4\n"), []byte("\n5\n"), 1) }
	}},
	{"eat.no_consistency", "the hub believes that the host has seen less", func(s *scene) { s.seen = 2 }},
	{"eat.log_rollback", "an older database of the hub", func(s *scene) {
		newer := s.hub.Fork()
		newer.Append(s.t, login("login/4"))
		newer.Append(s.t, login("login/5"))
		s.in.Seen = newer.Tree(s.t)
	}},
	{"eat.log_fork", "the host was shown another record", func(s *scene) {
		other := s.hub.Fork()
		other.Append(s.t, login("login/hidden"))
		s.in.Seen, s.seen = other.Tree(s.t), 4
		s.hub.Append(s.t, login("login/shown"))
	}},
	{"eat.log_fork", "of the same size", func(s *scene) {
		other := s.hub.Fork()
		other.Append(s.t, login("login/hidden"))
		s.in.Seen = other.Tree(s.t)
	}},
	{"eat.log_fork", "no proof", func(s *scene) { s.delivery = func(d *eat.Delivery) { d.Consistency = nil } }},
	{"eat.not_logged", "no proof", func(s *scene) { s.delivery = func(d *eat.Delivery) { d.Inclusion = nil } }},
	{"eat.not_logged", "another record", func(s *scene) { s.delivery = func(d *eat.Delivery) { d.Index = 0 } }},
	{"eat.not_logged", "beyond the log", func(s *scene) { s.delivery = func(d *eat.Delivery) { d.Index = 4 } }},
	{"eat.not_logged", "another token of the same id", func(s *scene) { s.payload(s.text("900", "901")) }},

	{"policy.action_not_allowed", "not in the policy", func(s *scene) { delete(s.in.Policy.Actions, eat.ActionSuspendProcess) }},
	{"policy.action_not_allowed", "releases what may not be released", func(s *scene) {
		s.release(eat.ActionIsolateNetwork)
		delete(s.in.Policy.Actions, eat.ActionReleaseNetwork)
	}},
	{"eat.unknown_token", "releases what is not known", func(s *scene) { s.release(eat.ActionIsolateNetwork); delete(s.ledger.used, earlierToken) }},
	{"eat.unknown_token", "releases what has no lease", func(s *scene) { s.release(eat.ActionKillProcess) }},
	{"policy.lifetime_too_long", "a second over", func(s *scene) {
		s.token.Args = eat.SuspendProcess{Process: process(), Lifetime: 3601}
	}},
	{"policy.hub_unknown", "would cut off a hub of which no address is known", func(s *scene) {
		s.token.Args, s.operators, s.in.Policy.Open.Hub = eat.IsolateNetwork{Lifetime: 60}, alice(), nil
	}},
	{"policy.protected_target", "root", func(s *scene) { s.signed(eat.DisableUser{Name: "root", Lifetime: 60}) }},
	{"policy.protected_target", "a key of the responders", func(s *scene) {
		s.in.Policy.Protected.SSHKeys = []string{fingerprint}
		s.signed(eat.RevokeSSHKey{Fingerprint: fingerprint, Lifetime: 60})
	}},
	{"policy.protected_target", "sshd", func(s *scene) { s.signed(eat.StopService{Unit: "ssh.service", Lifetime: 60}) }},
	{"policy.protected_target", "sshd's socket", func(s *scene) { s.signed(eat.StopService{Unit: "ssh.socket", Lifetime: 60}) }},
	{"policy.protected_target", "an instance", func(s *scene) { s.signed(eat.StopService{Unit: "getty@tty1.service", Lifetime: 60}) }},
	{"policy.protected_target", "passwd", func(s *scene) { s.signed(quarantine("/etc/passwd")) }},
	{"policy.protected_target", "below a folder", func(s *scene) { s.signed(quarantine("/usr/lib/libc.so.6")) }},
	{"policy.protected_target", "the hub", func(s *scene) { s.signed(block("192.0.2.0/28")) }},
	{"policy.protected_target", "a resolver", func(s *scene) { s.signed(block("192.0.2.53/32")) }},
	{"policy.protected_target", "within a range", func(s *scene) { s.signed(block("2001:db8:1:2::/64")) }},
	{"policy.protected_target", "evidence from elsewhere", func(s *scene) { s.token.Args = collect("/tmp/x", "/etc/shadow") }},
	{"policy.protected_target", "evidence beside a folder", func(s *scene) { s.token.Args = collect("/tmpfoo") }},

	{"eat.threshold_not_met", "the hub alone", func(s *scene) { s.token.Args = eat.IsolateNetwork{Lifetime: 60} }},
	{"eat.threshold_not_met", "one of two", func(s *scene) { s.need(2); s.operators = alice() }},
	{"eat.threshold_not_met", "a revoked operator", func(s *scene) {
		s.need(1)
		s.operators, s.in.Trust.Revoked = alice(), []string{eattest.AliceKey.Public().ID()}
	}},
	{"eat.threshold_not_met", "a stranger", func(s *scene) { s.need(1); s.operators = []envelope.PrivateKey{eattest.Key(99)} }},
	{"eat.threshold_not_met", "an operator who does not count", func(s *scene) { s.need(1, "bob"); s.operators = alice() }},
	{"eat.threshold_not_met", "one key under two key ids", func(s *scene) {
		s.need(2)
		s.operators = alice()
		s.delivery = func(d *eat.Delivery) { d.Envelope = twice(s.t, d.Envelope) }
	}},
	{"eat.threshold_not_met", "release as a way around", func(s *scene) { s.release(eat.ActionIsolateNetwork) }},
	{"eat.threshold_not_met", "the host's label asks for more", func(s *scene) {
		s.in.Labels = []string{"role=db"}
		s.in.Policy.Actions[eat.ActionSuspendProcess] = eat.ActionRule{Signatures: []eat.Signatures{{Label: "role=db", Need: 1}}}
	}},

	{"eat.already_used", "the id", func(s *scene) { s.ledger.used[eattest.TokenID] = eat.ActionSuspendProcess }},
	{"eat.already_used", "the payload", func(s *scene) {
		payload, _ := s.token.Encode()
		s.ledger.used[digest(payload)] = eat.ActionSuspendProcess
	}},
	{"eat.counter_too_low", "the same", func(s *scene) { s.ledger.high = 1 }},
	{"eat.counter_too_high", "would use up all", func(s *scene) { s.token.Counter = 1<<64 - 1 }},
	{"policy.rate", "the eleventh in an hour", func(s *scene) { s.ledger.recent = 10 }},
}

const fingerprint = "SHA256:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE"

func alice() []envelope.PrivateKey { return []envelope.PrivateKey{eattest.AliceKey} }

func (s *scene) signed(args eat.Args) { s.token.Args, s.operators = args, alice() }

func (s *scene) need(n int, of ...string) {
	rule := s.in.Policy.Actions[eat.ActionSuspendProcess]
	rule.Signatures = []eat.Signatures{{Need: n, Of: of}}
	s.in.Policy.Actions[eat.ActionSuspendProcess] = rule
}

func (s *scene) wrap(typ envelope.Type) {
	s.delivery = func(d *eat.Delivery) {
		payload, _ := s.token.Encode()
		d.Envelope = signRaw(typ, string(payload), eattest.HubKey)
	}
}

func quarantine(p string) eat.Args {
	return eat.QuarantineFile{Path: eat.PathOf(p), SHA256: strings.Repeat("0f", 32), Lifetime: 60}
}

func block(p string) eat.Args {
	return eat.BlockAddress{Prefixes: []netip.Prefix{netip.MustParsePrefix(p)}, Lifetime: 60}
}

func collect(paths ...string) eat.Args {
	a := eat.CollectEvidence{What: []string{eat.EvidenceFiles}, MaxBytes: 1 << 20, MaxSeconds: 10}
	for _, p := range paths {
		a.Files = append(a.Files, eat.PathOf(p))
	}
	return a
}

func login(id string) eat.Entry {
	return eat.Entry{Type: eat.EntryLogin, ID: id, SHA256: eat.FirstPrev}
}

func replace(before, after string) func([]byte) []byte {
	return func(data []byte) []byte { return bytes.Replace(data, []byte(before), []byte(after), 1) }
}

func checkpoint(t *testing.T, tree tlog.Tree, name string, key envelope.PrivateKey) []byte {
	t.Helper()
	out, err := eat.SignCheckpoint(tree, name, key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var sigs = regexp.MustCompile(`\{"keyid":"[0-9a-f]+","sig":"([^"]+)"\}`)

// signatureOf is the first signature of an envelope.
func signatureOf(sealed []byte) []byte {
	raw, _ := base64.StdEncoding.DecodeString(string(sigs.FindSubmatch(sealed)[1]))
	return raw
}

// twice repeats the last signature under a key id of its own.
func twice(t *testing.T, sealed []byte) []byte {
	t.Helper()
	all := sigs.FindAllSubmatch(sealed, -1)
	if len(all) != 2 {
		t.Fatalf("%d signatures", len(all))
	}
	again := fmt.Sprintf(`,{"keyid":"%s","sig":"%s"}]}`, strings.Repeat("00", 16), all[1][1])
	return append(bytes.TrimSuffix(bytes.Clone(sealed), []byte("]}")), again...)
}

func TestVerifyRefuses(t *testing.T) {
	for _, c := range refusalCases {
		t.Run(c.id+"/"+strings.ReplaceAll(c.what, " ", "_"), func(t *testing.T) {
			s := newScene(t)
			c.setup(s)
			v, refusal := s.verify()
			if refusal == nil || refusal.ID != c.id || v != nil {
				t.Errorf("%v, with a token: %t, want %s", refusal, v != nil, c.id)
			}
		})
	}
}

// What each case spoils is all that is wrong in it.
func TestVerifyTakesWhatTheCasesSpoil(t *testing.T) {
	s := newScene(t)
	v, refusal := s.verify()
	if refusal != nil {
		t.Fatal(refusal)
	}
	payload, _ := s.token.Encode()
	if got := v.Token(); got.Action() != eat.ActionSuspendProcess || got.Args != s.token.Args || got.Lifetime() != 15*time.Minute || v.SHA256() != digest(payload) {
		t.Errorf("another token: %+v", got)
	}
	note, tree := v.Checkpoint()
	if opened, err := eat.OpenCheckpoint(note, s.in.Trust.Log); err != nil || opened != tree || tree != s.hub.Tree(t) {
		t.Errorf("another checkpoint: %v, %v", tree, err)
	}
	if !v.Floor().Equal(eattest.Now) {
		t.Errorf("floor %v", v.Floor())
	}
}

func TestVerifyTakes(t *testing.T) {
	cases := map[string]func(s *scene){
		"the first that a host sees":            func(s *scene) { s.in.Seen, s.seen = tlog.Tree{}, 0 },
		"30 s early":                            func(s *scene) { s.in.Now = s.token.NotBefore.Add(-30 * time.Second) },
		"at the floor":                          func(s *scene) { s.in.Floor = s.in.Now },
		"exactly 300 s":                         func(s *scene) { s.token.Expires = s.token.Issued.Add(300 * time.Second) },
		"the longest lease":                     func(s *scene) { s.token.Args = eat.SuspendProcess{Process: process(), Lifetime: 3600} },
		"the tenth in an hour":                  func(s *scene) { s.ledger.recent = 9 },
		"two of two":                            func(s *scene) { s.need(2); s.operators = []envelope.PrivateKey{eattest.AliceKey, eattest.BobKey} },
		"the operator who counts":               func(s *scene) { s.need(1, "alice"); s.operators = alice() },
		"a release with the signature it needs": func(s *scene) { s.release(eat.ActionIsolateNetwork); s.operators = alice() },
		"a release of what needs none":          func(s *scene) { s.release(eat.ActionSuspendProcess) },
		"any boot, for what takes back":         func(s *scene) { s.signed(eat.ReleaseNetwork{}); s.token.Boot = "" },
		"evidence from where it may come":       func(s *scene) { s.token.Args = collect("/tmp/x", "/var/www/html/shell.php") },
		"an address that nobody needs":          func(s *scene) { s.signed(block("198.51.100.0/24")) },
		"a user beside root":                    func(s *scene) { s.signed(eat.DisableUser{Name: "mallory", Lifetime: 60}) },
		"a label that the host has not": func(s *scene) {
			s.in.Policy.Actions[eat.ActionSuspendProcess] = eat.ActionRule{Signatures: []eat.Signatures{{Label: "role=db", Need: 1}}}
		},
		"a revoked key beside one that holds": func(s *scene) { s.secondKey(func(first *eat.HubKey) { s.in.Trust.Revoked = []string{first.Key.ID()} }) },
		"an expired key beside one that holds": func(s *scene) {
			s.secondKey(func(first *eat.HubKey) { first.NotAfter = eattest.Now.AddDate(-1, 0, 0) })
		},
		"an index and log that grew in between": func(s *scene) { s.hub.Append(s.t, login("login/4")) },
		"a checkpoint with a witness beside": func(s *scene) {
			s.delivery = func(d *eat.Delivery) {
				d.Checkpoint = append(d.Checkpoint, "— witness AAAAAAAAAAAAAAAAAAAAAA==\n"...)
			}
		},
		"members of the envelope that DSSE adds": func(s *scene) { s.data = replace(`{"payload":`, `{"x":[1],"payload":`) },
	}
	for name, setup := range cases {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			s := newScene(t)
			setup(s)
			if v, refusal := s.verify(); refusal != nil || v == nil {
				t.Error(refusal)
			}
		})
	}
}

// secondKey adds a key that holds to the hub's, and signs with both.
func (s *scene) secondKey(spoil func(first *eat.HubKey)) {
	second := eattest.Key(55)
	s.in.Trust.HubKeys = append(s.in.Trust.HubKeys, eat.HubKey{Key: second.Public(), NotAfter: eattest.Now.AddDate(1, 0, 0)})
	s.operators = []envelope.PrivateKey{second}
	spoil(&s.in.Trust.HubKeys[0])
}

// The first thing that is wrong is what is told, whatever else is: a case that
// is spoilt twice is refused as the earlier of the two.
func TestVerifyRefusesInOrder(t *testing.T) {
	order := []string{
		"eat.no_ledger", "eat.key_expired", "eat.wrong_hub", "eat.wrong_host", "eat.wrong_boot", "eat.ttl_too_long", "eat.not_yet",
		"eat.no_consistency", "policy.action_not_allowed", "policy.lifetime_too_long", "eat.threshold_not_met", "eat.already_used", "policy.rate",
	}
	first := func(id string) func(*scene) {
		return refusalCases[slices.IndexFunc(refusalCases, func(c refusalCase) bool { return c.id == id })].setup
	}
	setups := map[string]func(*scene){
		"policy.lifetime_too_long": first("policy.lifetime_too_long"),
		"eat.threshold_not_met":    func(s *scene) { s.need(1) },
	}
	for i, earlier := range order {
		for _, later := range order[i+1:] {
			s := newScene(t)
			for _, id := range []string{later, earlier} {
				if setup := setups[id]; setup != nil {
					setup(s)
				} else {
					first(id)(s)
				}
			}
			if _, refusal := s.verify(); refusal == nil || refusal.ID != earlier {
				t.Errorf("%s and %s: %v", earlier, later, refusal)
			}
		}
	}
}

// A refusal says whose token it was once the hub has spoken, and not before.
func TestRefusalsAreAboutAToken(t *testing.T) {
	for _, c := range refusalCases {
		s := newScene(t)
		c.setup(s)
		_, refusal := s.verify()
		family, _, _ := strings.Cut(c.id, ".")
		early := family == "env" || slices.Contains([]string{
			"trust.invalid", "policy.invalid", "eat.no_ledger", "eat.too_large", "eat.bad_delivery", "eat.bad_signature", "eat.revoked_key", "eat.key_expired",
		}, c.id)
		switch {
		case c.id == "eat.unknown_action" || c.what == "the log's key":
			continue // an action that is no name cannot be named, and the log's key is looked at late
		case early != (refusal.About == nil):
			t.Errorf("%s, %s: about %v", c.id, c.what, refusal.About)
		case !early && (refusal.About.Token != eattest.TokenID || len(refusal.About.SHA256) != 64 || refusal.About.Action == ""):
			t.Errorf("%s, %s: about %v", c.id, c.what, refusal.About)
		}
	}
}

var declared = regexp.MustCompile(`= &Refusal\{ID: "([a-z]+\.[a-z_]+)"\}`)

func declaredIDs(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("refusal.go")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range declared.FindAllStringSubmatch(string(source), -1) {
		ids = append(ids, m[1])
	}
	if len(ids) < 30 {
		t.Fatalf("found %d refusals", len(ids))
	}
	return ids
}

// Every refusal that the package declares has a case that meets it.
func TestEveryRefusalHasACase(t *testing.T) {
	met := map[string]bool{}
	for _, c := range refusalCases {
		met[c.id] = true
	}
	for _, c := range receiptRefusals {
		met[c.id] = true
	}
	ids := declaredIDs(t)
	for _, id := range ids {
		if !met[id] {
			t.Errorf("%s has no case", id)
		}
	}
	for id := range met {
		if family, _, _ := strings.Cut(id, "."); family != "env" && !slices.Contains(ids, id) {
			t.Errorf("a case expects %s, which is not declared", id)
		}
	}
}

func TestRefusalMatchesById(t *testing.T) {
	s := newScene(t)
	s.in.Now = s.token.Expires
	_, refusal := s.verify()
	var err error = refusal
	if !errors.Is(err, eat.ErrExpired) || errors.Is(err, eat.ErrNotYet) || !strings.HasPrefix(err.Error(), "eat.expired: ") {
		t.Error(err)
	}
}
