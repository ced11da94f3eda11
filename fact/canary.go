package fact

// What was done to a canary.
const (
	CanaryOpen   = "open"   // opened
	CanaryRead   = "read"   // content read
	CanaryModify = "modify" // content written or cut
	CanaryAttrib = "attrib" // owner, mode, times, links or extended attributes changed
	CanaryDelete = "delete" // its name is gone
	CanaryMove   = "move"   // renamed, or something was renamed over it
)

// How the process that touched a canary is known.
const (
	AttributionAudit    = "audit"    // the kernel's audit records
	AttributionFanotify = "fanotify" // the event carried the process
	AttributionProc     = "proc"     // it held the file open when the sensor looked through /proc
	AttributionNone     = "none"     // not known
)

// Canary tells what was done to a file that nobody has a reason to touch.
type Canary struct {
	// Action is what was done: open, read, modify, attrib, delete or move.
	Action string `json:"action,omitempty"`
	// ID is the canary's name in the sensor's configuration.
	ID string `json:"id,omitempty"`
	// Path is where the canary was planted.
	Path string `json:"path,omitempty"`
	// PathB64 holds the exact bytes of path in base64 where they are not UTF-8.
	PathB64 string `json:"path_b64,omitempty"`
	// TargetPath is where a moved canary went, where that is known.
	TargetPath string `json:"target_path,omitempty"`
	// Type is what it pretends to be, as in "aws" or "ssh", where the sensor was told.
	Type string `json:"type,omitempty"`
	// Attribution says how the process block is known: audit, fanotify, proc or none.
	Attribution string `json:"attribution,omitempty"`
	// Recovered is true where the touch was found by comparing times after events were lost.
	Recovered bool `json:"recovered,omitempty"`
	// Denied is true where the kernel refused the touch: somebody tried.
	Denied bool `json:"denied,omitempty"`
	// Count is how many like events the fact stands for, where more than one came at once.
	Count int64 `json:"count,omitempty"`
}
