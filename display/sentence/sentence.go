// Package sentence says in words what a fact or an alert tells, for terminal
// and browser alike, so that both tell the same story.
//
// What it returns still holds the host's own characters: whoever shows it
// passes it through package display first. The package must never write
// anywhere, and must never leave out that something is not known.
package sentence

import (
	"encoding/base64"
	"path"
	"strconv"
	"strings"

	"picket.internal/api"
	"picket.internal/fact"
)

// Facts parses the facts of an alert. What cannot be parsed, as from a much
// newer sensor, is left out here; it is still shown as it was sent.
func Facts(a *api.Alert) []*fact.Fact {
	var facts []*fact.Fact
	for _, raw := range a.Facts {
		if f, _, err := fact.Parse(raw); err == nil {
			facts = append(facts, f)
		}
	}
	return facts
}

// First is the fact that an alert is told by: its first, or an empty one, so
// that callers need no special case.
func First(a *api.Alert) *fact.Fact {
	if facts := Facts(a); len(facts) > 0 {
		return facts[0]
	}
	return &fact.Fact{}
}

// Heading is the rule's title and, short, what it is about here.
func Heading(a *api.Alert, f *fact.Fact) string {
	title := strings.TrimSuffix(a.Rule.Title, ".")
	if title == "" {
		title = a.Rule.ID
	}
	if subject := Subject(f); subject != "" {
		return title + ": " + subject
	}
	return title
}

// Alert is the alert in one sentence: who did what to which thing, on which
// host. The time is left to the caller, who knows the reader's clock.
func Alert(a *api.Alert, f *fact.Fact) string {
	host := a.Host.Name
	if host == "" {
		host = a.Host.ID
	}
	if f.Kind == fact.KindCanary && f.Canary != nil {
		return actor(f) + " " + touched(f.Canary) + " on " + host
	}
	if a.Message != "" {
		return strings.TrimSuffix(a.Message, ".") + ", on " + host
	}
	return Heading(a, f) + ", on " + host
}

// actor names who did it, as the subject of a sentence.
func actor(f *fact.Fact) string {
	p := f.Process
	if p == nil {
		return "A process that is not known"
	}
	name := path.Base(Executable(p))
	if name == "." || name == "/" {
		name = "A process"
	}
	var how []string
	if user := User(f.User); user != "" {
		how = append(how, "run by "+user)
	}
	if p.Parent != nil && parentName(p.Parent) != "" {
		how = append(how, "started by "+parentName(p.Parent))
	}
	if len(how) > 0 {
		name += ", " + strings.Join(how, " and ") + ","
	}
	return name
}

func touched(c *fact.Canary) string {
	verb, ok := map[string]string{
		fact.CanaryOpen:   "opened",
		fact.CanaryRead:   "read",
		fact.CanaryModify: "wrote to",
		fact.CanaryAttrib: "changed the attributes of",
		fact.CanaryDelete: "deleted",
		fact.CanaryMove:   "moved",
	}[c.Action]
	if !ok {
		verb = "touched"
	}
	canary := "the canary"
	if c.ID != "" {
		canary += " '" + c.ID + "'"
	}
	if p := exact(c.Path, c.PathB64); p != "" {
		canary += " (" + p + ")"
	}
	return verb + " " + canary
}

// Executable is the path of a process's image, else the name that it gives
// itself.
func Executable(p *fact.Process) string {
	if p == nil {
		return ""
	}
	if e := exact(p.Executable, p.ExecutableB64); e != "" {
		return e
	}
	return exact(p.Name, p.NameB64)
}

// Chain is what the process descends from, nearest first, each by the last
// part of its path.
func Chain(p *fact.Process) []string {
	if p == nil {
		return nil
	}
	var chain []string
	if p.Parent != nil && parentName(p.Parent) != "" {
		chain = append(chain, parentName(p.Parent))
	}
	unread := 0
	for i, ancestor := range p.Ancestors {
		if ancestor != "" {
			chain = append(chain, path.Base(ancestor))
			continue
		}
		// There is one, and it could not be read. Those that follow each other, as
		// root's do where the sensor is not root, are one word.
		unread++
		if i+1 < len(p.Ancestors) && p.Ancestors[i+1] == "" {
			continue
		}
		if unread == 1 {
			chain = append(chain, "?")
		} else {
			chain = append(chain, "?×"+strconv.Itoa(unread))
		}
		unread = 0
	}
	return chain
}

func parentName(p *fact.Parent) string {
	if e := exact(p.Executable, p.ExecutableB64); e != "" {
		return path.Base(e)
	}
	return p.Name
}

// SHA256 is the hash of a process's image, empty where it is not known.
func SHA256(p *fact.Process) string {
	if p == nil || p.Hash == nil {
		return ""
	}
	return p.Hash.SHA256
}

// Verdicts are what is out of the ordinary about the process of an alert, and
// why something about it is not known.
func Verdicts(a *api.Alert, f *fact.Fact) []string {
	p := f.Process
	if p == nil {
		return nil
	}
	var verdicts []string
	switch {
	case p.ExecutableKind == fact.ExecutableMemfd:
		verdicts = append(verdicts, "runs from memory only")
	case p.Deleted:
		verdicts = append(verdicts, "its file is deleted")
	}
	if a.Values["prevalence.first_in_fleet"] == "true" {
		verdicts = append(verdicts, "first in the fleet")
	}
	if p.ContainerID != "" {
		verdicts = append(verdicts, "in a container")
	}
	if SHA256(p) == "" {
		verdicts = append(verdicts, unhashed(p.HashStatus))
	}
	return verdicts
}

func unhashed(status string) string {
	why, ok := map[string]string{
		fact.HashTooLarge:   "not hashed: too large",
		fact.HashUnreadable: "not hashed: the sensor may not read it",
		fact.HashGone:       "not hashed: it had ended",
		fact.HashDeferred:   "not hashed yet",
		fact.HashSkippedFS:  "not hashed: on a remote file system",
		fact.HashTimeout:    "not hashed: its file did not answer",
		fact.HashNone:       "nothing to hash",
	}[status]
	if !ok {
		return "hash not known"
	}
	return why
}

// exact is a text of the operating system to the byte: the twin field holds
// the bytes where they are not UTF-8. A twin that is no twin is not believed.
func exact(text, b64 string) string {
	if b64 == "" {
		return text
	}
	raw, err := base64.StdEncoding.DecodeString(b64)
	if plain, twin := fact.Text(raw); err != nil || twin == "" || plain != text {
		return text
	}
	return string(raw)
}
