// Package wire is what crosses between a sensor and its hub: batches and
// acknowledgements, enrollment, tokens, identifiers, the error body, and the
// TLS that carries them. docs/formats.md writes the formats down.
//
// The package must never trust a name or an address: who a peer is follows from
// its key alone. It must never follow a redirect, take a proxy from the
// environment, or speak below TLS 1.3.
package wire

import (
	"fmt"
	"strings"
	"time"
)

// Where the hub listens for sensors, and what they send.
const (
	PathEnroll  = "/v1/enroll" // POST an EnrollRequest's envelope, get an EnrollReply
	PathBatch   = "/v1/batch"  // POST a Batch's envelope, get an Ack's envelope
	ContentType = "application/vnd.dsse+json"
)

// version is the v of every statement here. Another meaning gets another payload
// type, so this one never grows.
const version = 1

// MaxFacts is how many facts a batch holds at most.
const MaxFacts = 1000

// checks collects what is wrong with a statement; the first fault counts.
type checks struct {
	kind *Error
	err  error
}

// that notes a fault where ok is false.
func (c *checks) that(ok bool, format string, args ...any) {
	if !ok && c.err == nil {
		c.err = fail(c.kind, format, args...)
	}
}

func (c *checks) version(v int) {
	if v != version && c.err == nil {
		c.err = fail(ErrVersion, "version %d where %d belongs", v, version)
	}
}

func (c *checks) text(name, s string, most int) {
	c.that(s != "" && len(s) <= most, "malformed %s %.80q", name, s)
}

func (c *checks) hex(name, s string, length int) {
	c.that(isHex(s, length), "malformed %s %.80q", name, s)
}

func (c *checks) host(id string) { c.that(ValidHostID(id), "malformed host %.80q", id) }

func (c *checks) hub(id string) { c.that(ValidHubID(id), "malformed hub %.80q", id) }

func (c *checks) time(name string, t time.Time) {
	c.that(!t.IsZero() && t.Location() == time.UTC, "malformed %s %q", name, fmt.Sprint(t))
}

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}
