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
	// ExecutableKind tells how the image relates to the file system: file, deleted, memfd or kernel.
	ExecutableKind string `json:"executable_kind,omitempty"`
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
	// ExitCode is the status that it ended with; absent where the sensor could not learn it.
	ExitCode *int64 `json:"exit_code,omitempty"`
	// Unreadable names what of the process the sensor may not read, as in "exe:EACCES".
	Unreadable []string `json:"unreadable,omitempty"`
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
	// Action is, in a user fact, what happened: added, removed or changed.
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
	// Before is the account before the change.
	Before *UserState `json:"before,omitempty"`
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
	// TargetPath is where the file went, in a move.
	TargetPath string `json:"target_path,omitempty"`
}
