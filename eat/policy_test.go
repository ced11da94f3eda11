package eat_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/eat"
)

var compareAddresses = cmp.Options{
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

func TestPolicyRoundTrip(t *testing.T) {
	want := *newScene(t).in.Policy
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := eat.ParsePolicy(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, *got, compareAddresses); diff != "" {
		t.Error(diff)
	}
}

// policyOf is a policy that keeps so many ranges open.
func policyOf(extra, forward int) string {
	var p eat.HostPolicy
	for i := range extra {
		p.Open.Extra = append(p.Open.Extra, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i)}), 24))
	}
	for i := range forward {
		p.Open.Forward = append(p.Open.Forward, eat.ForwardTo{To: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i)}), 24), Protocol: "tcp", Port: 443})
	}
	open, err := json.Marshal(p.Open)
	if err != nil {
		panic(err)
	}
	return `{"v":1,"actions":{},"open":` + string(open) + `,"protected":{}}`
}

// What stays open for whom the host forwards is bounded, and can't be blocked.
func TestForwardedPeersStayOpen(t *testing.T) {
	p, err := eat.ParsePolicy([]byte(policyOf(32, 32)))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Open.Overlaps(netip.MustParsePrefix("10.1.7.9/32")) || p.Open.Overlaps(netip.MustParsePrefix("10.1.32.0/24")) {
		t.Error("what forwarded traffic may reach can be blocked, or more cannot")
	}
}

func TestPolicyIsStrict(t *testing.T) {
	bad := map[string]string{
		"nothing":                "",
		"no object":              `[]`,
		"no version":             `{"actions":{},"open":{},"protected":{}}`,
		"another version":        `{"v":2,"actions":{},"open":{},"protected":{}}`,
		"no actions":             `{"v":1,"open":{},"protected":{}}`,
		"an unknown member":      `{"v":1,"actions":{},"open":{},"protected":{},"alow_last_login":true}`,
		"another case":           `{"v":1,"Actions":{},"actions":{},"open":{},"protected":{}}`,
		"one member twice":       `{"v":1,"v":1,"actions":{},"open":{},"protected":{}}`,
		"an unknown action":      `{"v":1,"actions":{"nop":{}},"open":{},"protected":{}}`,
		"null":                   `{"v":1,"actions":{"noop":null},"open":{},"protected":{}}`,
		"a lease of none":        `{"v":1,"actions":{"kill_process":{"max_lifetime":5}},"open":{},"protected":{}}`,
		"a negative lease":       `{"v":1,"actions":{"stop_service":{"max_lifetime":-5}},"open":{},"protected":{}}`,
		"a negative rate":        `{"v":1,"actions":{"noop":{"rate":-1}},"open":{},"protected":{}}`,
		"a float":                `{"v":1,"actions":{"noop":{"rate":1.5}},"open":{},"protected":{}}`,
		"a threshold of 0":       `{"v":1,"actions":{"noop":{"signatures":[{"need":0}]}},"open":{},"protected":{}}`,
		"a threshold of 16":      `{"v":1,"actions":{"noop":{"signatures":[{"need":16}]}},"open":{},"protected":{}}`,
		"two of one":             `{"v":1,"actions":{"noop":{"signatures":[{"need":2,"of":["alice"]}]}},"open":{},"protected":{}}`,
		"one operator twice":     `{"v":1,"actions":{"noop":{"signatures":[{"need":2,"of":["alice","alice"]}]}},"open":{},"protected":{}}`,
		"a long token":           `{"v":1,"max_token_lifetime":86401,"actions":{},"open":{},"protected":{}}`,
		"a skewed clock":         `{"v":1,"clock_skew":301,"actions":{},"open":{},"protected":{}}`,
		"a hub without a port":   `{"v":1,"actions":{},"open":{"hub":["192.0.2.1"]},"protected":{}}`,
		"a hub by name":          `{"v":1,"actions":{},"open":{"hub":["hub.example.org:7443"]},"protected":{}}`,
		"a hub anywhere":         `{"v":1,"actions":{},"open":{"hub":["0.0.0.0:7443"]},"protected":{}}`,
		"an address with a zone": `{"v":1,"actions":{},"open":{"resolvers":["fe80::1%eth0"]},"protected":{}}`,
		"a range with more bits": `{"v":1,"actions":{},"open":{"extra":["192.0.2.1/24"]},"protected":{}}`,
		"forward to anywhere":    `{"v":1,"actions":{},"open":{"forward":[{"to":"0.0.0.0/0"}]},"protected":{}}`,
		"forward to a name":      `{"v":1,"actions":{},"open":{"forward":[{"to":"db.example.org"}]},"protected":{}}`,
		"forward with more bits": `{"v":1,"actions":{},"open":{"forward":[{"to":"192.0.2.1/24"}]},"protected":{}}`,
		"forward to a group":     `{"v":1,"actions":{},"open":{"forward":[{"to":"ff02::/16"}]},"protected":{}}`,
		"forward to nowhere":     `{"v":1,"actions":{},"open":{"forward":[{"port":443}]},"protected":{}}`,
		"forward by sctp":        `{"v":1,"actions":{},"open":{"forward":[{"to":"192.0.2.0/24","protocol":"sctp"}]},"protected":{}}`,
		"forward to no port":     `{"v":1,"actions":{},"open":{"forward":[{"to":"192.0.2.0/24","port":65536}]},"protected":{}}`,
		"forward twice":          `{"v":1,"actions":{},"open":{"forward":[{"to":"192.0.2.0/24"},{"to":"192.0.2.0/24"}]},"protected":{}}`,
		"forward to many":        policyOf(0, 33),
		"open to many":           policyOf(33, 32),
		"a relative path":        `{"v":1,"actions":{},"open":{},"protected":{"paths":["etc"]}}`,
		"a path twice":           `{"v":1,"actions":{},"open":{},"protected":{"paths":["/etc","/etc"]}}`,
		"a folder with a slash":  `{"v":1,"actions":{},"open":{},"protected":{},"evidence_paths":["/tmp/"]}`,
		"a service with no kind": `{"v":1,"actions":{},"open":{},"protected":{"services":["ssh"]}}`,
		"a user that is none":    `{"v":1,"actions":{},"open":{},"protected":{"users":["a:b"]}}`,
		"a key that is none":     `{"v":1,"actions":{},"open":{},"protected":{"ssh_keys":["SHA256:"]}}`,
		"a long process name":    `{"v":1,"actions":{},"open":{},"protected":{"executables":["sixteen-letters!"]}}`,
		"two documents":          `{"v":1,"actions":{},"open":{},"protected":{}} {}`,
		"too large":              `{"v":1,"actions":{},"open":{},"protected":{}}` + strings.Repeat(" ", 256<<10),
	}
	for what, text := range bad {
		if p, err := eat.ParsePolicy([]byte(text)); p != nil || !errors.Is(err, eat.ErrPolicy) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p, err := eat.ParsePolicy([]byte(`{"v":1,"actions":{"stop_service":{}},"open":{},"protected":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if rule, ok := p.Rule(eat.ActionStopService); !ok || rule.MaxLifetime != eat.DefaultMaxLifetime || rule.Rate != eat.DefaultRate {
		t.Errorf("%+v, %t", rule, ok)
	}
	if _, ok := p.Rule(eat.ActionNoop); ok {
		t.Error("what a policy does not name is allowed")
	}
}

// Nothing that can hurt, or that lifts what an operator signed, is installed so
// that the hub can do it alone.
func TestThreat_W10_DefaultPolicyNeedsOperators(t *testing.T) {
	alone := map[string]bool{
		eat.ActionNoop: true, eat.ActionAttest: true, eat.ActionCollectEvidence: true, eat.ActionSuspendProcess: true, eat.ActionResumeProcess: true,
		eat.ActionRelease: true, // takes the signatures of what it releases
	}
	policy := eat.DefaultPolicy()
	for _, a := range eat.Actions() {
		rule, ok := policy.Rule(a.Name)
		if !ok || (len(rule.For(nil)) == 0) != alone[a.Name] {
			t.Errorf("%s: allowed %t, signatures %v", a.Name, ok, rule.For(nil))
		}
	}
	if policy.AllowLastLogin {
		t.Error("the last way in may be taken away")
	}
}

func TestSignaturesByLabel(t *testing.T) {
	rule := eat.ActionRule{Signatures: []eat.Signatures{
		{Need: 1}, {Label: "role=db", Need: 2}, {Label: "site=lab", Need: 3, Of: []string{"a", "b", "c"}},
	}}
	for _, c := range []struct {
		labels []string
		want   []int
	}{
		{nil, []int{1}},
		{[]string{"role=web"}, []int{1}},
		{[]string{"role=db"}, []int{2}},
		{[]string{"role=db", "site=lab"}, []int{2, 3}},
		{[]string{""}, []int{1}},
	} {
		var got []int
		for _, s := range rule.For(c.labels) {
			got = append(got, s.Need)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.labels, diff)
		}
	}
}

func TestProtectedExecutable(t *testing.T) {
	p := eat.Protected{Executables: []string{"/usr/sbin/sshd", "restic"}}
	for _, c := range []struct {
		file, comm string
		want       bool
	}{
		{"/usr/sbin/sshd", "sshd", true},
		{"/usr/sbin/sshd", "renamed", true},
		{"/opt/restic", "restic", true},
		{"/tmp/sshd", "sshd", false},
		{"", "", false},
	} {
		if got := p.Executable(c.file, c.comm); got != c.want {
			t.Errorf("%s (%s): %t", c.file, c.comm, got)
		}
	}
}
