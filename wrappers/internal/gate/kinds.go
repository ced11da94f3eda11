//go:build linux

package gate

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"picket.internal/eat"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/account"
	"picket.internal/wrappers/internal/action/evidence"
	"picket.internal/wrappers/internal/action/file"
	"picket.internal/wrappers/internal/action/network"
	"picket.internal/wrappers/internal/action/process"
	"picket.internal/wrappers/internal/action/service"
	"picket.internal/wrappers/internal/action/sshkey"
)

// prepare makes a token's arguments a deed of this host's.
func (h *host) prepare(t eat.Token) (deed, error) {
	switch a := t.Args.(type) {
	case eat.KillProcess:
		return process.Prepare(h.root, processArgs(a.Process, a.Tree), true, h.spared)
	case eat.SuspendProcess:
		return process.Prepare(h.root, processArgs(a.Process, a.Tree), false, h.spared)
	case eat.QuarantineFile:
		return file.Prepare(h.root, a.Path.Exact(), a.SHA256)
	case eat.DisableUser:
		return account.Prepare(h.root, account.Args{User: a.Name, Sessions: a.EndSessions}, h.policy.AllowLastLogin)
	case eat.RevokeSSHKey:
		return sshkey.Prepare(h.root, sshkey.Args{Fingerprint: a.Fingerprint, User: a.User}, h.policy.AllowLastLogin)
	case eat.StopService:
		return service.Prepare(h.root, a.Unit, h.policy.Protected.Service)
	case eat.CollectEvidence:
		return evidence.Prepare(h.root, t.ID, evidenceArgs(a))
	case eat.IsolateNetwork:
		return network.PrepareIsolation(h.root, Allowed(h.policy, a.Allow))
	case eat.BlockAddress:
		return network.PrepareBlock(h.root, t.ID, texts(a.Prefixes), Allowed(h.policy, nil))
	}
	return nil, action.Refuse("eat.unknown_action", "%s", t.Action())
}

// load reads what an entry is about.
func (h *host) load(e *entry) (deed, error) {
	var d deed
	switch e.Action {
	case eat.ActionKillProcess, eat.ActionSuspendProcess:
		d = &process.Record{Protected: h.spared}
	case eat.ActionQuarantineFile:
		d = &file.Record{}
	case eat.ActionDisableUser:
		d = &account.Record{}
	case eat.ActionRevokeSSHKey:
		d = &sshkey.Record{}
	case eat.ActionStopService:
		d = &service.Record{}
	case eat.ActionIsolateNetwork:
		d = &network.Isolation{}
	case eat.ActionBlockAddress:
		d = &network.Block{}
	default:
		return nil, action.Refuse("state.bad_file", "the entry of %s is about %s, which cannot be taken back", e.Token, e.Action)
	}
	// An older version may have written more than is needed now.
	if err := strictjson.Decode(e.Record, strictjson.Limits{Bytes: maxEntry, String: maxEntry, Items: 100_000}, d, func(string) {}); err != nil {
		return nil, action.Refuse("state.bad_file", "malformed record of %s: %v", e.Token, err)
	}
	return d, nil
}

func evidenceArgs(a eat.CollectEvidence) evidence.Args {
	out := evidence.Args{What: a.What, Again: a.Again, Bytes: a.MaxBytes, Seconds: int(a.MaxSeconds)}
	for _, f := range a.Files {
		out.Files = append(out.Files, f.Exact())
	}
	return out
}

func processArgs(p eat.Process, tree bool) process.Args {
	return process.Args{PID: int(p.PID), StartTicks: p.StartTicks, SHA256: p.SHA256, Tree: tree}
}

// spared reports whether the policy protects a process: by the path of its
// program or by its name.
func (h *host) spared(pid int) bool {
	if pid <= 1 || pid == os.Getpid() {
		return true
	}
	dir := "/proc/" + strconv.Itoa(pid)
	exe, _ := os.Readlink(dir + "/exe")
	comm, _ := os.ReadFile(dir + "/comm")
	return h.policy.Protected.Executable(strings.TrimSuffix(exe, " (deleted)"), strings.TrimSuffix(string(comm), "\n"))
}

// Allowed is what stays reachable: what the policy says, and what the token adds.
func Allowed(policy *eat.HostPolicy, more []netip.Prefix) (out network.Allowed) {
	for _, a := range policy.Open.Hub {
		out.Hub = append(out.Hub, network.Peer{Prefix: a.Addr().String(), Protocol: "tcp", Port: a.Port()})
	}
	for _, r := range policy.Open.Resolvers {
		out.Resolvers = append(out.Resolvers, r.String())
	}
	for _, p := range slices.Concat(policy.Open.Extra, more) {
		out.Hosts = append(out.Hosts, network.Peer{Prefix: p.String(), Inbound: true})
	}
	for _, f := range policy.Open.Forward {
		out.Forward = append(out.Forward, network.Peer{Prefix: f.To.String(), Protocol: f.Protocol, Port: f.Port})
	}
	return out
}

func texts(prefixes []netip.Prefix) (out []string) {
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return out
}

// isAbout reports whether a token takes back what an entry put in force.
func (h *host) isAbout(t eat.Token, held *entry) (bool, error) {
	if r, ok := t.Args.(eat.Release); ok {
		return held.Token == r.Token, nil
	}
	if known, _ := eat.ActionNamed(held.Action); known.Opposite != t.Action() {
		return false, nil
	}
	switch a := t.Args.(type) {
	case eat.RestoreFile:
		return held.Token == a.Record, nil
	case eat.ResumeProcess:
		was, err := argsOf[eat.SuspendProcess](held)
		return was.Process == a.Process, err
	case eat.EnableUser:
		was, err := argsOf[eat.DisableUser](held)
		return was.Name == a.Name, err
	case eat.RestoreSSHKey:
		was, err := argsOf[eat.RevokeSSHKey](held)
		return was.Fingerprint == a.Fingerprint && was.User == a.User, err
	case eat.StartService:
		was, err := argsOf[eat.StopService](held)
		return was.Unit == a.Unit, err
	case eat.UnblockAddress:
		was, err := argsOf[eat.BlockAddress](held)
		return slices.Equal(was.Prefixes, a.Prefixes), err
	}
	return true, nil // release_network: there is one isolation at most
}

func argsOf[A any](e *entry) (a A, err error) {
	if err := strictjson.Decode(e.Args, strictjson.Limits{Bytes: maxEntry}, &a, nil); err != nil {
		return a, fmt.Errorf("malformed arguments of %s: %w", e.Token, err)
	}
	return a, nil
}
