package eat

import (
	"strings"
	"unicode/utf8"
)

// Path is a path of the host. Paths are bytes: one that is not UTF-8 has them
// in B64, and Text is for reading only.
type Path struct {
	// Text is the path, absolute and clean, with U+FFFD in the place of what is
	// not UTF-8.
	Text string `json:"text"`
	// B64 is the exact path in base64; empty where Text is exact.
	B64 []byte `json:"b64,omitempty"`
}

// PathOf makes the Path of exact bytes.
func PathOf(exact string) Path {
	if utf8.ValidString(exact) {
		return Path{Text: exact}
	}
	return Path{Text: strings.ToValidUTF8(exact, "\uFFFD"), B64: []byte(exact)}
}

// Exact is the path's bytes, as the kernel takes them.
func (p Path) Exact() string {
	if len(p.B64) > 0 {
		return string(p.B64)
	}
	return p.Text
}

// path refuses a path of which a reader of the text would believe another
// thing than the kernel, and a second spelling of any.
func (c *checks) path(name string, p Path) {
	exact := p.Exact()
	want := PathOf(exact)
	c.field(validPath(exact) && exact != "/" && p.Text == want.Text && (p.B64 == nil) == (want.B64 == nil), name, exact)
}

// QuarantineFile takes a file out of everyone's reach.
type QuarantineFile struct {
	// Path is where it is.
	Path Path `json:"path"`
	// SHA256 is the hash of what it holds. Another file of the name is left alone.
	SHA256 string `json:"sha256"`
	// Dev and Ino are the device and inode it must have; zero means any. Both or neither.
	Dev uint64 `json:"dev,omitempty,string"`
	Ino uint64 `json:"ino,omitempty,string"`
	// Lifetime is the lease in seconds.
	Lifetime int64 `json:"lifetime"`
}

// Action is the name of the action.
func (QuarantineFile) Action() string { return ActionQuarantineFile }

// Validate checks every member.
func (a QuarantineFile) Validate() error {
	c := checks{kind: ErrBadParam}
	c.path("path", a.Path)
	c.hash("sha256", a.SHA256)
	c.that((a.Dev == 0) == (a.Ino == 0), "ino: device and inode belong together")
	c.lifetime(a.Lifetime)
	return c.err
}

func (a QuarantineFile) lease() int64 { return a.Lifetime }

// RestoreFile puts a quarantined file back as it was.
type RestoreFile struct {
	// Record names the quarantine: the id of the token that asked for it.
	Record string `json:"record"`
}

// Action is the name of the action.
func (RestoreFile) Action() string { return ActionRestoreFile }

// Validate checks every member.
func (a RestoreFile) Validate() error {
	c := checks{kind: ErrBadParam}
	c.ulid("record", a.Record)
	return c.err
}

func (RestoreFile) lease() int64 { return 0 }
