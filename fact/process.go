package fact

// What a process fact says happened.
const (
	ProcessStart = "start" // a process began that was not there at the last look
	ProcessExec  = "exec"  // a known process replaced its executable
	ProcessExit  = "exit"  // a known process ended
	ProcessSeen  = "seen"  // it ran already when the sensor started, or its state changed
)

// How the image that a process runs relates to the file system.
const (
	ExecutableFile    = "file"    // a file that still has a name
	ExecutableDeleted = "deleted" // a file whose last name is gone
	ExecutableMemfd   = "memfd"   // anonymous memory, memfd_create(2)
	ExecutableKernel  = "kernel"  // a kernel thread: there is none

	ExecutableUnreadable = "unreadable" // the sensor may not look
)

// How a process came to be known.
const (
	SourceConnector = "connector" // the kernel told it as it happened
	SourceScan      = "scan"      // it was found in a look at /proc
)

// What a script is given to its interpreter as.
const (
	ScriptFile    = "file"    // a file among the arguments
	ScriptInline  = "inline"  // text among the arguments, as in sh -c
	ScriptUnknown = "unknown" // standard input, or a file that cannot be told
)

// What the package database says of a file.
const (
	VouchOK       = "ok"       // a package owns it and its content is the package's
	VouchModified = "modified" // a package owns it and its content is another
	VouchUnowned  = "unowned"  // no package owns it
	VouchUnknown  = "unknown"  // it could not be told
)

// What became of hashing an executable.
const (
	HashOK         = "ok"
	HashTooLarge   = "too_large"  // over the size that the sensor reads
	HashUnreadable = "unreadable" // the sensor may not read it
	HashGone       = "gone"       // the process ended first
	HashDeferred   = "deferred"   // over the hashing budget, follows later
	HashSkippedFS  = "skipped_fs" // on a file system that may never answer (FUSE, network)
	HashTimeout    = "timeout"    // the file did not answer in time
	HashNone       = "none"       // nothing to hash, as in a kernel thread
)

// Process is a process of the host, or the one that did what the fact tells.
type Process struct {
	// Action is what happened: start, exec, exit or seen.
	Action string `json:"action,omitempty"`
	// EntityID names the process for good, whatever becomes of its pid: the first 16 hexadecimal digits of SHA-256 over boot id, pid and start time.
	EntityID string `json:"entity_id,omitempty"`
	// PID is the process id in the sensor's pid namespace. Source: proc_pid_stat(5) field 1.
	PID int64 `json:"pid,omitempty"`
	// StartTicks is when it started. Unit: clock ticks since boot. Source: proc_pid_stat(5) field 22.
	StartTicks uint64 `json:"start_ticks,string,omitempty"`
	// Start is when it started, by the host's clock: boot time plus start_ticks, to 10 ms.
	Start string `json:"start,omitempty"`
	// Name is the command name that the kernel keeps, at most 15 bytes, set by the process itself. Source: proc_pid_comm(5).
	Name string `json:"name,omitempty"`
	// NameB64 holds the exact bytes of name in base64 where they are not UTF-8.
	NameB64 string `json:"name_b64,omitempty"`
	// Executable is the path of the running image as the kernel tells it, without the kernel's " (deleted)" mark. Source: proc_pid_exe(5).
	Executable string `json:"executable,omitempty"`
	// ExecutableB64 holds the exact bytes of executable in base64 where they are not UTF-8.
	ExecutableB64 string `json:"executable_b64,omitempty"`
	// ExecutableKind tells how the image relates to the file system: file, deleted, memfd, kernel or unreadable.
	ExecutableKind string `json:"executable_kind,omitempty"`
	// ExecutableFilesystem is the type of the file system that holds the image, as in "ext4" or "overlay". Source: proc_pid_mountinfo(5).
	ExecutableFilesystem string `json:"executable_filesystem,omitempty"`
	// Package is what the package database says of the image.
	Package *Vouch `json:"package,omitempty"`
	// Script is the script that an interpreter runs; absent for other programs.
	Script *Script `json:"script,omitempty"`
	// Deleted is true where the image's last name is gone from the file system. Source: st_nlink of the opened image.
	Deleted bool `json:"deleted,omitempty"`
	// Hash is of the running image, read through /proc/PID/exe and never through its path.
	Hash *Hash `json:"hash,omitempty"`
	// HashStatus says what became of hashing: ok, too_large, unreadable, gone, deferred, skipped_fs, timeout or none.
	HashStatus string `json:"hash_status,omitempty"`
	// Args are the arguments, the program's name first, at most 64 of them and 4,096 bytes. Source: proc_pid_cmdline(5).
	Args []string `json:"args,omitempty"`
	// ArgsTruncated is true where args were cut to their bound.
	ArgsTruncated bool `json:"args_truncated,omitempty"`
	// ArgsRedacted is true where what looks like a secret was replaced in args.
	ArgsRedacted bool `json:"args_redacted,omitempty"`
	// CommandLine is args joined by one space.
	CommandLine string `json:"command_line,omitempty"`
	// WorkingDirectory is the current directory. Source: proc_pid_cwd(5).
	WorkingDirectory string `json:"working_directory,omitempty"`
	// Parent is the process that it descends from.
	Parent *Parent `json:"parent,omitempty"`
	// Ancestors are the executables above the parent, nearest first, at most 8.
	Ancestors []string `json:"ancestors,omitempty"`
	// ContainerID is the id of the container that it runs in, 64 hexadecimal digits. Source: proc_pid_cgroup(5).
	ContainerID string `json:"container_id,omitempty"`
	// Thread is what its first thread may do.
	Thread *Thread `json:"thread,omitempty"`
	// Source is how it came to be known: connector or scan.
	Source string `json:"source,omitempty"`
	// ExitCode is the status that it ended with; absent where the sensor could not learn it.
	ExitCode *int64 `json:"exit_code,omitempty"`
	// Unreadable names what of the process the sensor may not read, as in "exe:EACCES".
	Unreadable []string `json:"unreadable,omitempty"`
}

// Thread is what a thread of a process may do.
type Thread struct {
	// Capabilities are the thread's capabilities; absent where it has none.
	Capabilities *Capabilities `json:"capabilities,omitempty"`
}

// Capabilities are Linux capabilities by name, as in "CAP_NET_ADMIN", or "ALL"
// alone where every one that the kernel knows is held. Source: proc_pid_status(5) CapEff, CapPrm, capabilities(7).
type Capabilities struct {
	// Effective are those that the kernel checks for.
	Effective []string `json:"effective,omitempty"`
	// Permitted are those that may be made effective, where they are others.
	Permitted []string `json:"permitted,omitempty"`
	// Ambient are those that an unprivileged program inherits.
	Ambient []string `json:"ambient,omitempty"`
}

// Script is what an interpreter runs.
type Script struct {
	// Kind is how it is given: file, inline or unknown.
	Kind string `json:"kind,omitempty"`
	// Path is the file's absolute path, by the arguments and the working directory.
	Path string `json:"path,omitempty"`
	// PathB64 holds the exact bytes of path in base64 where they are not UTF-8.
	PathB64 string `json:"path_b64,omitempty"`
	// Hash is of the file's content when the sensor looked, which may be later than when it was run.
	Hash *Hash `json:"hash,omitempty"`
	// HashStatus says what became of hashing, as in process.hash_status.
	HashStatus string `json:"hash_status,omitempty"`
}

// Vouch is what the host's package database says of a file. It is as
// trustworthy as that database, which root can change.
type Vouch struct {
	// Verdict is ok, modified, unowned or unknown.
	Verdict string `json:"verdict,omitempty"`
	// Name is the owning package's name.
	Name string `json:"name,omitempty"`
	// Version is its installed version.
	Version string `json:"version,omitempty"`
	// Type is the database: deb, rpm or apk.
	Type string `json:"type,omitempty"`
	// Algorithm is the digest that the database holds for the file: md5, sha1, sha256 or sha512.
	Algorithm string `json:"algorithm,omitempty"`
}

// Parent is the process that another one descends from.
type Parent struct {
	// EntityID names the parent for good.
	EntityID string `json:"entity_id,omitempty"`
	// PID is the parent's process id. Source: proc_pid_stat(5) field 4.
	PID int64 `json:"pid,omitempty"`
	// Name is the parent's command name.
	Name string `json:"name,omitempty"`
	// Executable is the path of the parent's image.
	Executable string `json:"executable,omitempty"`
	// ExecutableB64 holds the exact bytes of executable in base64 where they are not UTF-8.
	ExecutableB64 string `json:"executable_b64,omitempty"`
}

// User is an account of the host.
type User struct {
	// Action is, in a user fact, what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// ID is the numeric user id in decimal; in a process fact the effective one. Source: proc_pid_status(5) Uid.
	ID string `json:"id,omitempty"`
	// Name is the account's name. Source: passwd(5).
	Name string `json:"name,omitempty"`
	// RealID is the real user id in decimal where it is not the effective one.
	RealID string `json:"real_id,omitempty"`
	// GroupID is the numeric id of the (effective, or primary) group in decimal.
	GroupID string `json:"group_id,omitempty"`
	// GroupName is that group's name. Source: group(5).
	GroupName string `json:"group_name,omitempty"`
	// Home is the home directory. Source: passwd(5).
	Home string `json:"home,omitempty"`
	// Shell is the login shell. Source: passwd(5).
	Shell string `json:"shell,omitempty"`
	// Groups are the names of the supplementary groups.
	Groups []string `json:"groups,omitempty"`
	// Locked is true where no password lets the account in. Source: shadow(5).
	Locked bool `json:"locked,omitempty"`
	// NoPassword is true where an empty password lets the account in. Source: shadow(5).
	NoPassword bool `json:"no_password,omitempty"`
	// Audit is the account that logged in, whatever became of the process since.
	Audit *AuditUser `json:"audit,omitempty"`
	// Before is the account before the change.
	Before *UserState `json:"before,omitempty"`
}

// AuditUser is the account of a login, as the kernel keeps it. Source: proc_pid_loginuid(5).
type AuditUser struct {
	// ID is the numeric user id in decimal.
	ID string `json:"id,omitempty"`
	// Name is the account's name.
	Name string `json:"name,omitempty"`
}

// UserState is what of an account can change.
type UserState struct {
	// ID is the numeric user id in decimal.
	ID string `json:"id,omitempty"`
	// GroupID is the numeric id of the primary group in decimal.
	GroupID string `json:"group_id,omitempty"`
	// Home is the home directory.
	Home string `json:"home,omitempty"`
	// Shell is the login shell.
	Shell string `json:"shell,omitempty"`
	// Groups are the names of the supplementary groups.
	Groups []string `json:"groups,omitempty"`
}

// File is a file of the host.
type File struct {
	// Action is, in a file fact, what happened: seen, added, removed or changed.
	Action string `json:"action,omitempty"`
	// Type is file, dir, symlink, or what else the path names. Source: stat(2) st_mode.
	Type string `json:"type,omitempty"`
	// Path is the absolute path.
	Path string `json:"path,omitempty"`
	// PathB64 holds the exact bytes of path in base64 where they are not UTF-8.
	PathB64 string `json:"path_b64,omitempty"`
	// Inode is the inode number. Source: stat(2) st_ino.
	Inode uint64 `json:"inode,string,omitempty"`
	// Device is the device as major:minor. Source: stat(2) st_dev.
	Device string `json:"device,omitempty"`
	// Size is the content's length. Unit: bytes. Source: stat(2) st_size.
	Size uint64 `json:"size,string,omitempty"`
	// Mode is the permission bits in octal, as in "0644". Source: stat(2) st_mode.
	Mode string `json:"mode,omitempty"`
	// UID is the owner's numeric id in decimal. Source: stat(2) st_uid.
	UID string `json:"uid,omitempty"`
	// GID is the group's numeric id in decimal. Source: stat(2) st_gid.
	GID string `json:"gid,omitempty"`
	// MTime is when the content last changed, RFC 3339. Source: stat(2) st_mtim.
	MTime string `json:"mtime,omitempty"`
	// Hash is of the content.
	Hash *Hash `json:"hash,omitempty"`
	// HashStatus says what became of hashing, as in process.hash_status.
	HashStatus string `json:"hash_status,omitempty"`
	// Owner is the name of the account that owns it.
	Owner string `json:"owner,omitempty"`
	// Group is the name of the group that owns it.
	Group string `json:"group,omitempty"`
	// Capabilities are those that running it gives, as in "CAP_NET_RAW". Source: capabilities(7) security.capability.
	Capabilities []string `json:"capabilities,omitempty"`
	// Xattrs names its extended attributes with the SHA-256 of each value's first 16 hexadecimal digits, as in "user.note=9f86d081884c7d65". Source: xattr(7).
	Xattrs []string `json:"xattrs,omitempty"`
	// Watch is the configured path by which it is watched.
	Watch string `json:"watch,omitempty"`
	// Package is what the package database says of it.
	Package *Vouch `json:"package,omitempty"`
	// Before is what of it was otherwise before the change.
	Before *FileState `json:"before,omitempty"`
	// TargetPath is where the file went, in a move, or where a symbolic link leads.
	TargetPath string `json:"target_path,omitempty"`
}

// FileState is what of a file can change; only what did change is set.
type FileState struct {
	// Hash was of the content.
	Hash *Hash `json:"hash,omitempty"`
	// Size was the content's length. Unit: bytes.
	Size uint64 `json:"size,string,omitempty"`
	// Mode was the permission bits in octal.
	Mode string `json:"mode,omitempty"`
	// UID was the owner's numeric id in decimal.
	UID string `json:"uid,omitempty"`
	// GID was the group's numeric id in decimal.
	GID string `json:"gid,omitempty"`
	// MTime was when the content last changed, RFC 3339.
	MTime string `json:"mtime,omitempty"`
}
