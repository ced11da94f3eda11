package eat

import "slices"

// What can be collected.
const (
	EvidenceProcesses = "processes"
	EvidenceSockets   = "sockets"
	EvidenceLogins    = "logins"
	EvidenceFiles     = "files"
)

// What a bundle of evidence may take. The wrapper keeps to the same: what a
// token says is done as it says, or refused.
const (
	maxEvidenceFiles = 16
	// MinEvidenceBytes and MaxEvidenceBytes bound a bundle.
	MinEvidenceBytes   = 16 << 10
	MaxEvidenceBytes   = 64 << 20
	maxEvidenceSeconds = 120
)

// CollectEvidence gathers what the host looks like now, and sends it to the hub;
// or it sends again what an earlier token has gathered.
type CollectEvidence struct {
	// What names what to gather, each once: processes (with hashes), sockets,
	// logins, files.
	What []string `json:"what,omitempty"`
	// Files are the files to copy, at most 16; there if and only if What has "files".
	Files []Path `json:"files,omitempty"`
	// MaxBytes is how much is kept, 16 KiB to 64 MiB. What is over it is left out
	// and said so.
	MaxBytes int64 `json:"max_bytes,omitempty"`
	// MaxSeconds is how long it may take, 1 to 120.
	MaxSeconds int64 `json:"max_seconds,omitempty"`
	// Again is the id of the token whose evidence is to be sent again. Nothing
	// is gathered then, and the fields above are empty.
	Again string `json:"again,omitempty"`
	// From is the number of the first chunk that is sent; only with Again.
	From int64 `json:"from,omitempty"`
}

// Action is the name of the action.
func (CollectEvidence) Action() string { return ActionCollectEvidence }

// Validate checks every member.
func (a CollectEvidence) Validate() error {
	c := checks{kind: ErrBadParam}
	if a.Again != "" {
		c.ulid("again", a.Again)
		c.number("from", a.From, 0, Chunks(MaxEvidenceBytes)-1)
		c.that(len(a.What) == 0 && len(a.Files) == 0 && a.MaxBytes == 0 && a.MaxSeconds == 0, "again: nothing is gathered when something is sent again")
		return c.err
	}
	c.that(a.From == 0, "from: only with again")
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
	c.number("max_bytes", a.MaxBytes, MinEvidenceBytes, MaxEvidenceBytes)
	c.number("max_seconds", a.MaxSeconds, 1, maxEvidenceSeconds)
	return c.err
}

func (CollectEvidence) lease() int64 { return 0 }
