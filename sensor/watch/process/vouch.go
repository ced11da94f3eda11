//go:build linux

package process

import (
	"os"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/proc"
)

// Packages knows what the host's package databases say of files.
type Packages interface {
	// Ask asks of f, which it takes over and which is at path on the host; it
	// calls done once, and does not block. False means that done is not called.
	Ask(path string, f *os.File, done func(fact.Vouch)) bool
	// Known is an answer that was given before and still holds.
	Known(path string, k digest.Key) (fact.Vouch, bool)
}

// vouch puts what the package database says of the image into the fact, or
// returns the image to ask about. A database of the host says nothing of a
// file in a container, nor of one that has no name any more.
func (c *Collector) vouch(d *proc.Dir, r *proc.Reading, p *fact.Process) *os.File {
	if c.cfg.Packages == nil || p.ExecutableKind != fact.ExecutableFile || !r.Here || r.Container != "" || d.Slow(r.Image) {
		return nil
	}
	if v, ok := c.cfg.Packages.Known(r.Path, r.Image.File); ok {
		p.Package = &v
		return nil
	}
	f, err := openImage(d, r)
	if err != nil {
		return nil
	}
	return f
}

// askOf asks about an image; false says that the fact has to do without.
func (c *Collector) askOf(p *pending) bool {
	f := p.vouch
	p.vouch = nil
	return c.cfg.Packages.Ask(p.path, f, func(v fact.Vouch) { c.done.add(settled{p: p, vouch: v, what: ofPackage}) })
}
