package eat_test

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

const hash = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"

// validArgs has each action once, in the order of eat.Actions.
var validArgs = []eat.Args{
	eat.Noop{},
	eat.Attest{Nonce: hash},
	eat.IsolateNetwork{Allow: prefixes("192.0.2.0/28", "2001:db8::/32"), Lifetime: 3600},
	eat.ReleaseNetwork{},
	eat.KillProcess{Process: process(), Tree: true},
	eat.SuspendProcess{Process: process(), Lifetime: 900},
	eat.ResumeProcess{Process: process()},
	eat.QuarantineFile{Path: eat.PathOf("/var/www/html/caf\xe9.php"), SHA256: hash, Dev: 66306, Ino: math.MaxUint64, Lifetime: 86400},
	eat.RestoreFile{Record: earlierToken},
	eat.DisableUser{Name: "mallory", EndSessions: true, Lifetime: 3600},
	eat.EnableUser{Name: "mallory"},
	eat.RevokeSSHKey{Fingerprint: fingerprint, User: "deploy", Lifetime: 3600},
	eat.RestoreSSHKey{Fingerprint: fingerprint},
	eat.StopService{Unit: "cron.service", Lifetime: 3600},
	eat.StartService{Unit: "cron.service"},
	eat.BlockAddress{Prefixes: prefixes("198.51.100.7/32", "2001:db8:bad::/48"), Lifetime: 3600},
	eat.UnblockAddress{Prefixes: prefixes("198.51.100.7/32", "2001:db8:bad::/48")},
	eat.CollectEvidence{What: []string{"processes", "sockets", "logins", "files"}, Files: []eat.Path{eat.PathOf("/tmp/x")}, MaxBytes: 1 << 20, MaxSeconds: 30},
	eat.Release{Token: earlierToken},
}

// The set is closed: every action has arguments, and they come back as they were.
func TestEveryActionRoundTrips(t *testing.T) {
	actions := eat.Actions()
	if len(actions) != len(validArgs) {
		t.Fatalf("%d actions, %d arguments", len(actions), len(validArgs))
	}
	for i, args := range validArgs {
		if args.Action() != actions[i].Name {
			t.Errorf("%s where %s belongs", args.Action(), actions[i].Name)
		}
		token := eattest.Token(args)
		sealed, err := eat.Sign(token, eattest.HubKey)
		if err != nil {
			t.Errorf("%s: %v", args.Action(), err)
			continue
		}
		got, err := eat.Open(sealed, eattest.HubKey.Public())
		if err != nil {
			t.Errorf("%s: %v", args.Action(), err)
			continue
		}
		if diff := cmp.Diff(token, got.Token, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s:\n%s", args.Action(), diff)
		}
		if leased := got.Token.Lifetime() > 0; leased != actions[i].Contains {
			t.Errorf("%s: contains %t, has a lease %t", args.Action(), actions[i].Contains, leased)
		}
	}
}

// Whatever contains can be taken back, by an action that any boot may be asked
// for unless it is about a process.
func TestEveryContainmentHasAnOpposite(t *testing.T) {
	for _, a := range eat.Actions() {
		opposite, known := eat.ActionNamed(a.Opposite)
		if a.Contains != known {
			t.Errorf("%s: contains %t, opposite %q", a.Name, a.Contains, a.Opposite)
		}
		if known && (opposite.Contains || opposite.NeedsBoot != (opposite.Name == eat.ActionResumeProcess)) {
			t.Errorf("%s is taken back by %+v", a.Name, opposite)
		}
		if a.Contains && !a.NeedsBoot {
			t.Errorf("%s contains in any boot: a machine put back to a snapshot would be contained again", a.Name)
		}
	}
}

func TestThreat_W14_UnknownActionsAndArguments(t *testing.T) {
	for _, name := range []string{"", "../../bin/ls", "NOOP", "noop ", "kill_process;id", "self_destruct"} {
		if _, known := eat.ActionNamed(name); known {
			t.Errorf("%q is an action", name)
		}
	}
	wide := make([]netip.Prefix, 65)
	for i := range wide {
		wide[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 32)
	}
	bad := map[string]eat.Args{
		"nonce: empty":                   eat.Attest{},
		"nonce: upper case":              eat.Attest{Nonce: strings.ToUpper(hash)},
		"pid: negative":                  eat.KillProcess{Process: eat.Process{PID: -1, StartTicks: 1, SHA256: hash}},
		"pid: 0":                         eat.KillProcess{Process: eat.Process{PID: 0, StartTicks: 1, SHA256: hash}},
		"pid: 1":                         eat.SuspendProcess{Process: eat.Process{PID: 1, StartTicks: 1, SHA256: hash}, Lifetime: 1},
		"pid: beyond an int":             eat.ResumeProcess{Process: eat.Process{PID: 1 << 31, StartTicks: 1, SHA256: hash}},
		"ticks: a kernel thread's":       eat.KillProcess{Process: eat.Process{PID: 2, SHA256: hash}},
		"hash: none":                     eat.KillProcess{Process: eat.Process{PID: 2, StartTicks: 1}},
		"lifetime: none":                 eat.SuspendProcess{Process: process()},
		"lifetime: negative":             eat.IsolateNetwork{Lifetime: -1},
		"lifetime: over a year":          eat.IsolateNetwork{Lifetime: 367 * 86400},
		"allow: everything":              eat.IsolateNetwork{Allow: prefixes("0.0.0.0/0"), Lifetime: 60},
		"allow: half of everything":      eat.IsolateNetwork{Allow: prefixes("128.0.0.0/1"), Lifetime: 60},
		"allow: all of v6":               eat.IsolateNetwork{Allow: prefixes("::/0"), Lifetime: 60},
		"prefixes: none":                 eat.BlockAddress{Lifetime: 60},
		"prefixes: 65":                   eat.BlockAddress{Prefixes: wide, Lifetime: 60},
		"prefixes: one twice":            eat.BlockAddress{Prefixes: prefixes("192.0.2.1/32", "192.0.2.1/32"), Lifetime: 60},
		"prefixes: bits behind the mask": eat.BlockAddress{Prefixes: prefixes("192.0.2.1/24"), Lifetime: 60},
		"prefixes: v4 in v6":             eat.UnblockAddress{Prefixes: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:192.0.2.1"), 128)}},
		"prefixes: zero":                 eat.UnblockAddress{Prefixes: make([]netip.Prefix, 1)},
		"path: empty":                    quarantine(""),
		"path: relative":                 quarantine("etc/cron.d/x"),
		"path: the root":                 quarantine("/"),
		"path: through ..":               quarantine("/tmp/../etc/passwd"),
		"path: two slashes":              quarantine("/tmp//x"),
		"path: a slash behind":           quarantine("/tmp/"),
		"path: NUL":                      quarantine("/tmp/x\x00"),
		"path: too long":                 quarantine("/" + strings.Repeat("a", 4095)),
		"path: another text":             eat.QuarantineFile{Path: eat.Path{Text: "/tmp/a", B64: []byte("/tmp/b\xff")}, SHA256: hash, Lifetime: 60},
		"path: needless base64":          eat.QuarantineFile{Path: eat.Path{Text: "/tmp/a", B64: []byte("/tmp/a")}, SHA256: hash, Lifetime: 60},
		"ino: without dev":               eat.QuarantineFile{Path: eat.PathOf("/tmp/a"), SHA256: hash, Ino: 1, Lifetime: 60},
		"record: a path":                 eat.RestoreFile{Record: "../../../../etc/passwd0000"},
		"record: over 128 bits":          eat.RestoreFile{Record: "81K3Z9V6W4Q2N8T1XEJ5B7RMCD"},
		"name: empty":                    eat.DisableUser{Lifetime: 60},
		"name: an option":                eat.DisableUser{Name: "-r", Lifetime: 60},
		"name: a field of passwd":        eat.EnableUser{Name: "a:b"},
		"name: two lines":                eat.EnableUser{Name: "a\nb"},
		"fingerprint: MD5":               eat.RevokeSSHKey{Fingerprint: "MD5:00:11", Lifetime: 60},
		"fingerprint: a second spelling": eat.RestoreSSHKey{Fingerprint: fingerprint[:len(fingerprint)-1] + "F"},
		"user: a path":                   eat.RevokeSSHKey{Fingerprint: fingerprint, User: "../root", Lifetime: 60},
		"unit: no kind":                  eat.StopService{Unit: "cron", Lifetime: 60},
		"unit: a target":                 eat.StopService{Unit: "multi-user.target", Lifetime: 60},
		"unit: a path":                   eat.StartService{Unit: "../x.service"},
		"unit: an option":                eat.StartService{Unit: "--now.service"},
		"unit: a glob":                   eat.StopService{Unit: "*.service", Lifetime: 60},
		"what: nothing":                  eat.CollectEvidence{MaxBytes: 1 << 20, MaxSeconds: 1},
		"what: memory":                   eat.CollectEvidence{What: []string{"memory"}, MaxBytes: 1 << 20, MaxSeconds: 1},
		"what: twice":                    eat.CollectEvidence{What: []string{"logins", "logins"}, MaxBytes: 1 << 20, MaxSeconds: 1},
		"files: without files":           eat.CollectEvidence{What: []string{"files"}, MaxBytes: 1 << 20, MaxSeconds: 1},
		"files: not asked for":           eat.CollectEvidence{What: []string{"logins"}, Files: []eat.Path{eat.PathOf("/a")}, MaxBytes: 1 << 20, MaxSeconds: 1},
		"files: one twice":               collect("/tmp/a", "/tmp/a"),
		"files: 17":                      collect(strings.Fields(strings.Repeat("/tmp/a ", 17))...),
		"max_bytes: 0":                   eat.CollectEvidence{What: []string{"logins"}, MaxSeconds: 1},
		"max_bytes: over 64 MiB":         eat.CollectEvidence{What: []string{"logins"}, MaxBytes: 1<<26 + 1, MaxSeconds: 1},
		"max_seconds: over 120":          eat.CollectEvidence{What: []string{"logins"}, MaxBytes: 1 << 20, MaxSeconds: 121},
		"max_bytes: less than it takes":  eat.CollectEvidence{What: []string{"logins"}, MaxBytes: 16<<10 - 1, MaxSeconds: 1},
		"again: no token":                eat.CollectEvidence{Again: "x"},
		"again: and something new":       eat.CollectEvidence{Again: earlierToken, What: []string{"logins"}, MaxBytes: 1 << 20, MaxSeconds: 1},
		"from: less than none":           eat.CollectEvidence{Again: earlierToken, From: -1},
		"from: over what a bundle has":   eat.CollectEvidence{Again: earlierToken, From: 512},
		"from: of something new":         eat.CollectEvidence{What: []string{"logins"}, MaxBytes: 1 << 20, MaxSeconds: 1, From: 1},
		"token: none":                    eat.Release{},
	}
	for what, args := range bad {
		err := args.Validate()
		var r *eat.Refusal
		if !errors.As(err, &r) || r.ID != eat.ErrBadParam.ID {
			t.Errorf("%s: %v", what, err)
		}
		if sealed, err := eat.Sign(eattest.Token(args), eattest.HubKey); sealed != nil || !errors.Is(err, eat.ErrBadParam) {
			t.Errorf("%s can be signed: %v", what, err)
		}
	}
}
