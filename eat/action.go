package eat

import "slices"

// The actions. There are no others: what a wrapper can do is in this list.
const (
	ActionNoop            = "noop"
	ActionAttest          = "attest"
	ActionIsolateNetwork  = "isolate_network"
	ActionReleaseNetwork  = "release_network"
	ActionKillProcess     = "kill_process"
	ActionSuspendProcess  = "suspend_process"
	ActionResumeProcess   = "resume_process"
	ActionQuarantineFile  = "quarantine_file"
	ActionRestoreFile     = "restore_file"
	ActionDisableUser     = "disable_user"
	ActionEnableUser      = "enable_user"
	ActionRevokeSSHKey    = "revoke_ssh_key"
	ActionRestoreSSHKey   = "restore_ssh_key"
	ActionStopService     = "stop_service"
	ActionStartService    = "start_service"
	ActionBlockAddress    = "block_address"
	ActionUnblockAddress  = "unblock_address"
	ActionCollectEvidence = "collect_evidence"
	ActionRelease         = "release"
)

// Action is what is known of an action without a token.
type Action struct {
	// Name is the action's name.
	Name string
	// Contains is true where the action has a lease: it ends by itself, with a
	// receipt, unless it was ended before.
	Contains bool
	// Opposite is the action that takes it back; empty where none does. That of
	// kill_process is missing because nothing brings a process back.
	Opposite string
	// NeedsBoot is true where a token must name the boot it is for: a pid means
	// nothing in another, and a machine that was put back to a snapshot must
	// not be contained again. Taking back may be asked of any boot.
	NeedsBoot bool
	// decode reads the arguments.
	decode func(raw []byte) (Args, error)
}

// actions is the closed set, in the order of the documentation.
var actions = []Action{
	{Name: ActionNoop, decode: decodeArgs[Noop]},
	{Name: ActionAttest, NeedsBoot: true, decode: decodeArgs[Attest]},
	{Name: ActionIsolateNetwork, Contains: true, Opposite: ActionReleaseNetwork, NeedsBoot: true, decode: decodeArgs[IsolateNetwork]},
	{Name: ActionReleaseNetwork, decode: decodeArgs[ReleaseNetwork]},
	{Name: ActionKillProcess, NeedsBoot: true, decode: decodeArgs[KillProcess]},
	{Name: ActionSuspendProcess, Contains: true, Opposite: ActionResumeProcess, NeedsBoot: true, decode: decodeArgs[SuspendProcess]},
	{Name: ActionResumeProcess, NeedsBoot: true, decode: decodeArgs[ResumeProcess]},
	{Name: ActionQuarantineFile, Contains: true, Opposite: ActionRestoreFile, NeedsBoot: true, decode: decodeArgs[QuarantineFile]},
	{Name: ActionRestoreFile, decode: decodeArgs[RestoreFile]},
	{Name: ActionDisableUser, Contains: true, Opposite: ActionEnableUser, NeedsBoot: true, decode: decodeArgs[DisableUser]},
	{Name: ActionEnableUser, decode: decodeArgs[EnableUser]},
	{Name: ActionRevokeSSHKey, Contains: true, Opposite: ActionRestoreSSHKey, NeedsBoot: true, decode: decodeArgs[RevokeSSHKey]},
	{Name: ActionRestoreSSHKey, decode: decodeArgs[RestoreSSHKey]},
	{Name: ActionStopService, Contains: true, Opposite: ActionStartService, NeedsBoot: true, decode: decodeArgs[StopService]},
	{Name: ActionStartService, decode: decodeArgs[StartService]},
	{Name: ActionBlockAddress, Contains: true, Opposite: ActionUnblockAddress, NeedsBoot: true, decode: decodeArgs[BlockAddress]},
	{Name: ActionUnblockAddress, decode: decodeArgs[UnblockAddress]},
	{Name: ActionCollectEvidence, NeedsBoot: true, decode: decodeArgs[CollectEvidence]},
	{Name: ActionRelease, decode: decodeArgs[Release]},
}

// Actions returns the closed set.
func Actions() []Action { return slices.Clone(actions) }

// ActionNamed returns what is known of an action; false where there is none of
// that name.
func ActionNamed(name string) (Action, bool) {
	i := slices.IndexFunc(actions, func(a Action) bool { return a.Name == name })
	if i < 0 {
		return Action{}, false
	}
	return actions[i], true
}
