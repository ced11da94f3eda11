package eat

import "slices"

// What can be collected.
const (
	EvidenceProcesses = "processes"
	EvidenceSockets   = "sockets"
	EvidenceLogins    = "logins"
	EvidenceFiles     = "files"
)

const (
	maxEvidenceFiles   = 16
	maxEvidenceBytes   = 256 << 20
	maxEvidenceSeconds = 300
)

// CollectEvidence gathers what the host looks like now.
type CollectEvidence struct {
	// What names what to gather, each once: processes (with hashes), sockets,
	// logins, files.
	What []string `json:"what"`
	// Files are the files to copy, at most 16; there if and only if What has "files".
	Files []Path `json:"files,omitempty"`
	// MaxBytes is how much is kept, 1 to 256 MiB. What is over it is left out
	// and said so.
	MaxBytes int64 `json:"max_bytes"`
	// MaxSeconds is how long it may take, 1 to 300.
	MaxSeconds int64 `json:"max_seconds"`
}

// Action is the name of the action.
func (CollectEvidence) Action() string { return ActionCollectEvidence }

// Validate checks every member.
func (a CollectEvidence) Validate() error {
	c := checks{kind: ErrBadParam}
	c.that(len(a.What) > 0, "what: nothing to collect")
	for i, what := range a.What {
		known := what == EvidenceProcesses || what == EvidenceSockets || what == EvidenceLogins || what == EvidenceFiles
		c.field(known && !slices.Contains(a.What[:i], what), "what", what)
	}
	c.that(slices.Contains(a.What, EvidenceFiles) == (len(a.Files) > 0), `files: named if and only if what has "files"`)
	c.count("files", len(a.Files), maxEvidenceFiles)
	for i, p := range a.Files {
		c.path("files", p)
		c.that(!slices.ContainsFunc(a.Files[:i], func(q Path) bool { return q.Exact() == p.Exact() }), "files: %.80q twice", p.Exact())
	}
	c.number("max_bytes", a.MaxBytes, 1, maxEvidenceBytes)
	c.number("max_seconds", a.MaxSeconds, 1, maxEvidenceSeconds)
	return c.err
}

func (CollectEvidence) lease() int64 { return 0 }
