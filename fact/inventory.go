package fact

// What an inventory fact says happened to its entity.
const (
	Seen    = "seen" // it was there when the hub first took the inventory
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Package is an installed package.
type Package struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Name is the package's name.
	Name string `json:"name,omitempty"`
	// Version is the installed version, epoch and revision included.
	Version string `json:"version,omitempty"`
	// Architecture is the architecture it was built for.
	Architecture string `json:"architecture,omitempty"`
	// Type is the database it is recorded in: deb, rpm or apk.
	Type string `json:"type,omitempty"`
	// Instance tells apart packages of one name that are installed side by side, as kernels are: the version there, else empty.
	Instance string `json:"instance,omitempty"`
	// PreviousVersion is the version before the change.
	PreviousVersion string `json:"previous_version,omitempty"`
}

// Service is a unit of the service manager.
type Service struct {
	// Action is, in a service fact, what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Name is the unit's name, as in "ssh.service". In a process fact it is read from the control group. Source: proc_pid_cgroup(5).
	Name string `json:"name,omitempty"`
	// State is the unit's active state, as in "active" or "failed".
	State string `json:"state,omitempty"`
	// Enabled is the unit file's state, as in "enabled" or "masked".
	Enabled string `json:"enabled,omitempty"`
	// Executable is the program that the unit starts.
	Executable string `json:"executable,omitempty"`
	// Manager is the service manager that it belongs to: systemd, openrc or sysv.
	Manager string `json:"manager,omitempty"`
	// Account is the account that it runs as, where its file names one.
	Account string `json:"account,omitempty"`
	// Path is the unit file.
	Path string `json:"path,omitempty"`
	// PreviousState is the active state before the change.
	PreviousState string `json:"previous_state,omitempty"`
	// PreviousExecutable is the program before the change.
	PreviousExecutable string `json:"previous_executable,omitempty"`
}

// Listener is a socket that waits for peers.
type Listener struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Transport is tcp or udp.
	Transport string `json:"transport,omitempty"`
	// Type is the address family: ipv4 or ipv6.
	Type string `json:"type,omitempty"`
	// Address is the local address.
	Address string `json:"address,omitempty"`
	// Port is the local port.
	Port int64 `json:"port,omitempty"`
	// Interface is the interface that it is bound to, where there is one.
	Interface string `json:"interface,omitempty"`
	// UID is the numeric id in decimal of the account that opened it. Source: sock_diag(7), proc_net(5) tcp.
	UID string `json:"uid,omitempty"`
	// Executable is the program that holds it, where the sensor may see that; the process block names the process.
	Executable string `json:"executable,omitempty"`
	// PreviousExecutable is the program that held it before the change.
	PreviousExecutable string `json:"previous_executable,omitempty"`
}

// Sudoers is one entry of the sudoers policy. Source: sudoers(5).
type Sudoers struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Path is the file that holds it.
	Path string `json:"path,omitempty"`
	// Type is rule, default, alias or include.
	Type string `json:"type,omitempty"`
	// Who are the accounts and groups that it is for, as written, as in "%sudo".
	Who string `json:"who,omitempty"`
	// Hosts are where it holds, as written.
	Hosts string `json:"hosts,omitempty"`
	// RunAs is whom they may become, as written, as in "(root)".
	RunAs string `json:"run_as,omitempty"`
	// Tags are the tags before the commands, as in "NOPASSWD".
	Tags []string `json:"tags,omitempty"`
	// Commands are what they may run, as written.
	Commands string `json:"commands,omitempty"`
	// Text is the entry as it stands in the file, continuation lines joined.
	Text string `json:"text,omitempty"`
}

// Group is a group of accounts.
type Group struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// ID is the numeric group id in decimal. Source: group(5).
	ID string `json:"id,omitempty"`
	// Name is the group's name.
	Name string `json:"name,omitempty"`
	// Members are the accounts listed in the group.
	Members []string `json:"members,omitempty"`
	// PreviousMembers are the accounts listed before the change.
	PreviousMembers []string `json:"previous_members,omitempty"`
}

// SSHKey is an SSH public key. Picket never carries the key itself.
type SSHKey struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Fingerprint is "SHA256:" and the unpadded base64 of the digest of the key. Source: RFC 4255, ssh-keygen(1) -l.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Type is the key's algorithm, as in "ssh-ed25519".
	Type string `json:"type,omitempty"`
	// Use is what the key is for: authorized or host.
	Use string `json:"use,omitempty"`
	// Path is the file that lists it.
	Path string `json:"path,omitempty"`
	// Account is the account that it lets in; empty for a host key.
	Account string `json:"account,omitempty"`
	// Comment is the text behind the key, cut to 128 bytes.
	Comment string `json:"comment,omitempty"`
	// Bits is the size of the key. Unit: bits.
	Bits int64 `json:"bits,omitempty"`
	// Options are the restrictions before the key, as in "no-pty". Source: sshd(8) AUTHORIZED_KEYS FILE FORMAT.
	Options []string `json:"options,omitempty"`
	// PreviousOptions are the restrictions before the change.
	PreviousOptions []string `json:"previous_options,omitempty"`
}

// Mount is a mounted filesystem.
type Mount struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Path is the mount point. Source: proc_pid_mountinfo(5).
	Path string `json:"path,omitempty"`
	// Type is the filesystem's type.
	Type string `json:"type,omitempty"`
	// Source is what is mounted.
	Source string `json:"source,omitempty"`
	// Options are the mount's options.
	Options []string `json:"options,omitempty"`
	// PreviousOptions are the options before the change.
	PreviousOptions []string `json:"previous_options,omitempty"`
}

// Module is a kernel module.
type Module struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Name is the module's name. Source: proc_modules(5).
	Name string `json:"name,omitempty"`
	// Size is the memory it takes. Unit: bytes.
	Size uint64 `json:"size,string,omitempty"`
	// UsedBy are the modules that need it. Source: proc_modules(5).
	UsedBy []string `json:"used_by,omitempty"`
	// Taints are the letters by which it marks the kernel, as in "OE".
	Taints string `json:"taints,omitempty"`
}

// Schedule is a cron entry or a timer.
type Schedule struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Type is cron, timer or at.
	Type string `json:"type,omitempty"`
	// Name is the timer's unit, the job of at, or the script that cron runs; empty for a line of a crontab, which stays the same when others come before it.
	Name string `json:"name,omitempty"`
	// When is the time specification as written. Source: crontab(5), systemd.timer(5).
	When string `json:"when,omitempty"`
	// Command is what runs.
	Command string `json:"command,omitempty"`
	// Path is the file that holds it.
	Path string `json:"path,omitempty"`
	// Account is the account that it runs as.
	Account string `json:"account,omitempty"`
	// PreviousWhen is the time specification before the change.
	PreviousWhen string `json:"previous_when,omitempty"`
	// PreviousCommand is what ran before the change.
	PreviousCommand string `json:"previous_command,omitempty"`
}

// Login is a session of a person or a program. Its actions are seen (it was
// open when the sensor started), added (it began), removed (it ended) and
// changed (an attempt was refused).
type Login struct {
	// Action is what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Outcome is success or failure.
	Outcome string `json:"outcome,omitempty"`
	// Method is how it was authenticated, as in "publickey" or "password".
	Method string `json:"method,omitempty"`
	// SourceIP is the peer's address.
	SourceIP string `json:"source_ip,omitempty"`
	// SourcePort is the peer's port.
	SourcePort int64 `json:"source_port,omitempty"`
	// Terminal is the terminal line. Source: utmp(5).
	Terminal string `json:"terminal,omitempty"`
	// Service is the program that let it in, as in "sshd".
	Service string `json:"service,omitempty"`
	// Fingerprint is the key that was used, as in ssh_key.fingerprint.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Source is where it was read: utmp, wtmp, btmp, journal or the path of a log.
	Source string `json:"source,omitempty"`
	// PID is the process of the session, or of the program that refused it.
	PID int64 `json:"pid,omitempty"`
	// Invalid is true where the account does not exist.
	Invalid bool `json:"invalid,omitempty"`
}

// What a snapshot fact says.
const SnapshotDigest = "digest"

// Snapshot sums up an inventory, so that a hub sees that it missed a delta.
type Snapshot struct {
	// Action is always digest.
	Action string `json:"action,omitempty"`
	// Of is the kind that is summed up.
	Of Kind `json:"of,omitempty"`
	// Count is how many entities there are.
	Count int64 `json:"count,omitempty"`
	// Digest is SHA-256 over the sorted entities in canonical form, 64 hexadecimal digits; see Digest.
	Digest string `json:"digest,omitempty"`
	// Omitted is how many entities are not in it, because there are more than the sensor keeps, or it could not read them.
	Omitted int64 `json:"omitted,omitempty"`
	// Reason says in words why entities are omitted.
	Reason string `json:"reason,omitempty"`
	// Gone are, in the answer to a resync, entities that the hub held and that are not there: the first 8 bytes of the SHA-256 of the key of each, as 16 hexadecimal digits; such a fact has no digest.
	Gone []string `json:"gone,omitempty"`
}

// MaxGone is how many entities one snapshot fact calls gone at most.
const MaxGone = 256

// MaxEntities is how many entities of a kind a host has at most; what is
// beyond is omitted, and told as such.
const MaxEntities = 50_000
