package fact

// What a binary fact says.
const BinaryHeartbeat = "heartbeat"

// Binary is the sensor's own executable, hashed anew at every heartbeat.
type Binary struct {
	// Action is always heartbeat.
	Action string `json:"action,omitempty"`
	// Path is where the executable lies.
	Path string `json:"path,omitempty"`
	// Version is what the sensor says it is.
	Version string `json:"version,omitempty"`
	// Hash is of the file that lies at path now.
	Hash *Hash `json:"hash,omitempty"`
	// Running is the image that the sensor runs. Source: proc_pid_exe(5).
	Running *Running `json:"running,omitempty"`
	// Files are the other files that Picket consists of, at most 64. One that
	// is not there is not listed.
	Files []OwnFile `json:"files,omitempty"`
	// Error says why a hash is missing.
	Error string `json:"error,omitempty"`
}

// What a file of Picket's own is for.
const (
	OwnWrapper = "wrapper" // a program that sudo may run
	OwnUnit    = "unit"    // a unit of the service manager
	OwnSudoers = "sudoers" // what sudo allows the sensor
	OwnTrust   = "trust"   // keys and policies that the wrappers trust
	OwnConfig  = "config"  // what the sensor is told
)

// OwnFile is a file of Picket's own, hashed anew at every heartbeat.
type OwnFile struct {
	// Path is where it lies.
	Path string `json:"path,omitempty"`
	// Role is what it is for: wrapper, unit, sudoers, trust or config.
	Role string `json:"role,omitempty"`
	// Hash is of its content; absent where it cannot be read.
	Hash *Hash `json:"hash,omitempty"`
	// Mode is the permission bits in octal. Source: stat(2) st_mode.
	Mode string `json:"mode,omitempty"`
	// UID is the owner's numeric id in decimal. Source: stat(2) st_uid.
	UID string `json:"uid,omitempty"`
	// GID is the group's numeric id in decimal. Source: stat(2) st_gid.
	GID string `json:"gid,omitempty"`
	// Error says why there is no hash, as in "EACCES".
	Error string `json:"error,omitempty"`
}

// Running is the image of a running process.
type Running struct {
	// Hash is of the image's content.
	Hash *Hash `json:"hash,omitempty"`
}

// What an integrity fact says.
const (
	IntegrityMismatch = "mismatch" // the observed hash is not the expected one
	IntegrityRestored = "restored" // it is the expected one again
)

// What an integrity fact compares.
const (
	SubjectDisk    = "disk"    // the file at the sensor's path
	SubjectRunning = "running" // the image that the sensor runs
	// What the host's wrapper, which is root's, has signed about the sensor; and
	// about another file that it hashed, or why it did not.
	SubjectAttestation  = "attestation"
	SubjectAttestedFile = "attested_file"
	// A file of Picket's own is a subject by its role: wrapper, unit, sudoers,
	// trust or config.
)

// Integrity compares an expected hash with the observed one. The hub makes
// these facts: a host is no judge of itself.
type Integrity struct {
	// Action is what was found: mismatch or restored.
	Action string `json:"action,omitempty"`
	// Subject is what was compared: disk, running, attestation, attested_file, or the role of another file of Picket's own.
	Subject string `json:"subject,omitempty"`
	// Path is the file that was compared.
	Path string `json:"path,omitempty"`
	// Expected is the hash that the hub holds for it.
	Expected *Hash `json:"expected,omitempty"`
	// Observed is the hash that the host reported; absent where it could not hash the file.
	Observed *Hash `json:"observed,omitempty"`
	// Detail says in words what else is not as it was, as in "mode 4777, was 0755"; of an attestation, what was found.
	Detail string `json:"detail,omitempty"`
	// Error says why there is no observed hash.
	Error string `json:"error,omitempty"`
}
