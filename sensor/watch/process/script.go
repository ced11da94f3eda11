//go:build linux

package process

import (
	"os"
	"path"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/internal/script"
)

// scripted is a script whose hash is to be made.
type scripted struct {
	file *os.File
	key  digest.Key
}

// script finds the script that an interpreter runs and puts it into the fact.
// What it returns is still to be hashed; nil where nothing is.
func (c *Collector) script(d *proc.Dir, r *proc.Reading, p *fact.Process) *scripted {
	how, file := script.Of(r.Path, r.Args)
	if how == 0 {
		return nil
	}
	s := &fact.Script{Kind: fact.ScriptUnknown}
	p.Script = s
	switch how {
	case script.Inline:
		s.Kind = fact.ScriptInline
		return nil
	case script.Unknown:
		return nil
	}
	name := string(file)
	s.Kind = fact.ScriptFile
	full := name
	if r.Cwd != "" && !path.IsAbs(name) {
		full = path.Join(r.Cwd, name)
	}
	s.Path, s.PathB64 = describe.Path(full)
	f, err := d.Find(name, r.Cwd)
	if err != nil {
		s.HashStatus = scriptStatus(err)
		return nil
	}
	defer f.Close()
	if sum, ok := c.hasher.Known(f.Image.File); ok {
		s.HashStatus, s.Hash = fact.HashOK, &fact.Hash{SHA256: sum}
		return nil
	}
	switch {
	case f.Image.File.Size > c.hasher.MaxSize():
		s.HashStatus = fact.HashTooLarge
		return nil
	case d.Slow(f.Image):
		s.HashStatus = fact.HashSkippedFS
		return nil
	}
	open, err := f.Open()
	if err != nil {
		s.HashStatus = scriptStatus(err)
		return nil
	}
	return &scripted{file: open, key: f.Image.File}
}

func scriptStatus(err error) string {
	switch err {
	case proc.ErrGone:
		return fact.HashGone
	case unix.ETIMEDOUT:
		return fact.HashTimeout
	}
	return fact.HashUnreadable
}

// sumScript has a script hashed; false says that this has to do without.
func (c *Collector) sumScript(p *pending) bool {
	s := p.script
	p.script = nil
	p.fact.Process.Script.HashStatus = fact.HashDeferred
	return c.hasher.Sum(s.file, s.key, func(r digest.Result) { c.done.add(settled{p: p, r: r, what: ofScript}) })
}

// take enters the hash of a script.
func (p *pending) take(r digest.Result) {
	s := p.fact.Process.Script
	s.HashStatus, s.Hash = r.Status, nil
	if r.Status == fact.HashOK {
		s.Hash = &fact.Hash{SHA256: r.SHA256}
	}
}
