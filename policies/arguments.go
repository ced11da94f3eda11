package policies

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"picket.internal/eat"
	"picket.internal/fact"
)

// Evidence that a policy collects is bounded; a person may ask for more.
const (
	evidenceBytes   = 16 << 20
	evidenceSeconds = 60
)

// ErrMissing is returned where the alert's fact lacks what the action needs.
var ErrMissing = errors.New("the fact lacks what the action needs")

func missing(field string) error { return fmt.Errorf("%w: %s", ErrMissing, field) }

// form is how an action is written in a policy.
type form struct {
	// targets are the parts of a fact that it can be about, the default first.
	targets []string
	tree    bool
	args    func(a Action, f *fact.Fact) (eat.Args, error)
}

// forms are the actions that a policy may ask for. What takes back, attests or
// does nothing is a person's to ask for.
var forms = map[string]form{
	eat.ActionKillProcess:     {targets: []string{"process"}, tree: true, args: killProcess},
	eat.ActionSuspendProcess:  {targets: []string{"process"}, tree: true, args: suspendProcess},
	eat.ActionQuarantineFile:  {targets: []string{"file", "process.executable", "process.script"}, args: quarantineFile},
	eat.ActionDisableUser:     {targets: []string{"user"}, args: disableUser},
	eat.ActionRevokeSSHKey:    {targets: []string{"ssh_key", "login"}, args: revokeSSHKey},
	eat.ActionStopService:     {targets: []string{"service"}, args: stopService},
	eat.ActionBlockAddress:    {targets: []string{"login.source_ip"}, args: blockAddress},
	eat.ActionIsolateNetwork:  {args: isolateNetwork},
	eat.ActionCollectEvidence: {args: collectEvidence},
}

func actionNames() []string {
	var out []string
	for _, a := range eat.Actions() {
		if _, ok := forms[a.Name]; ok {
			out = append(out, a.Name)
		}
	}
	return out
}

// Args maps a fact to the action's arguments. The error is ErrMissing where the
// fact does not say what is meant, exactly: an action is never aimed by guess.
func (a Action) Args(f *fact.Fact) (eat.Args, error) {
	args, err := forms[a.Name].args(a, f)
	if err != nil {
		return nil, err
	}
	if err := args.Validate(); err != nil {
		return nil, err
	}
	return args, nil
}

// Whole reports whether the action is about the host as a whole and no part of
// the fact: it is done once an incident, whatever else is found.
func (a Action) Whole() bool { return a.Target == "" }

// check finds what is wrong with an action whatever the fact.
func (a Action) check() error {
	if !a.Whole() {
		return nil
	}
	_, err := a.Args(new(fact.Fact))
	return err
}

func (a Action) seconds() int64 { return int64(a.Lifetime / time.Second) }

func process(f *fact.Fact) (eat.Process, error) {
	p := f.Process
	switch {
	case p == nil:
		return eat.Process{}, missing("process")
	case p.PID == 0:
		return eat.Process{}, missing("process.pid")
	case p.StartTicks == 0:
		return eat.Process{}, missing("process.start_ticks")
	case p.Hash == nil || p.Hash.SHA256 == "":
		return eat.Process{}, missing("process.hash.sha256")
	}
	return eat.Process{PID: p.PID, StartTicks: p.StartTicks, SHA256: p.Hash.SHA256}, nil
}

func killProcess(a Action, f *fact.Fact) (eat.Args, error) {
	p, err := process(f)
	return eat.KillProcess{Process: p, Tree: a.Tree}, err
}

func suspendProcess(a Action, f *fact.Fact) (eat.Args, error) {
	p, err := process(f)
	return eat.SuspendProcess{Process: p, Tree: a.Tree, Lifetime: a.seconds()}, err
}

func quarantineFile(a Action, f *fact.Fact) (eat.Args, error) {
	var text, b64 string
	var hash *fact.Hash
	switch {
	case a.Target == "file" && f.File != nil:
		text, b64, hash = f.File.Path, f.File.PathB64, f.File.Hash
	case a.Target == "process.executable" && f.Process != nil && f.Process.ExecutableKind == fact.ExecutableFile:
		text, b64, hash = f.Process.Executable, f.Process.ExecutableB64, f.Process.Hash
	case a.Target == "process.script" && f.Process != nil && f.Process.Script != nil:
		text, b64, hash = f.Process.Script.Path, f.Process.Script.PathB64, f.Process.Script.Hash
	}
	switch {
	case text == "":
		return nil, missing(a.Target + " with a path")
	case hash == nil || hash.SHA256 == "":
		return nil, missing(a.Target + " with a hash")
	}
	exact := text
	if b64 != "" {
		raw, err := base64.StdEncoding.DecodeString(b64)
		if err != nil {
			return nil, missing(a.Target + " with a path that can be read")
		}
		exact = string(raw)
	}
	return eat.QuarantineFile{Path: eat.PathOf(exact), SHA256: hash.SHA256, Lifetime: a.seconds()}, nil
}

func disableUser(a Action, f *fact.Fact) (eat.Args, error) {
	if f.User == nil || f.User.Name == "" {
		return nil, missing("user.name")
	}
	return eat.DisableUser{Name: f.User.Name, EndSessions: a.EndSessions, Lifetime: a.seconds()}, nil
}

func revokeSSHKey(a Action, f *fact.Fact) (eat.Args, error) {
	out := eat.RevokeSSHKey{Lifetime: a.seconds()}
	switch {
	case a.Target == "ssh_key" && f.SSHKey != nil:
		if f.SSHKey.Use == "host" {
			return nil, missing("ssh_key that lets somebody in, not the host's own")
		}
		out.Fingerprint, out.User = f.SSHKey.Fingerprint, f.SSHKey.Account
	case a.Target == "login" && f.Login != nil && f.User != nil:
		out.Fingerprint, out.User = f.Login.Fingerprint, f.User.Name
	}
	if out.Fingerprint == "" {
		return nil, missing(a.Target + ".fingerprint")
	}
	if a.AllUsers {
		out.User = ""
	} else if out.User == "" {
		return nil, missing("the account that the key lets in")
	}
	return out, nil
}

func stopService(a Action, f *fact.Fact) (eat.Args, error) {
	if f.Service == nil || f.Service.Name == "" {
		return nil, missing("service.name")
	}
	return eat.StopService{Unit: f.Service.Name, Lifetime: a.seconds()}, nil
}

func blockAddress(a Action, f *fact.Fact) (eat.Args, error) {
	if f.Login == nil || f.Login.SourceIP == "" {
		return nil, missing("login.source_ip")
	}
	ip, err := netip.ParseAddr(f.Login.SourceIP)
	if err != nil {
		return nil, missing("login.source_ip that is an address")
	}
	ip = ip.Unmap().WithZone("")
	return eat.BlockAddress{Prefixes: []netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())}, Lifetime: a.seconds()}, nil
}

func isolateNetwork(a Action, _ *fact.Fact) (eat.Args, error) {
	return eat.IsolateNetwork{Allow: a.Allow, Lifetime: a.seconds()}, nil
}

func collectEvidence(a Action, _ *fact.Fact) (eat.Args, error) {
	return eat.CollectEvidence{What: a.What, MaxBytes: evidenceBytes, MaxSeconds: evidenceSeconds}, nil
}
