//go:build linux

package mounts

import (
	"bytes"
	"slices"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
)

const (
	maxText    = 4 << 10 // of a path or a source, in bytes of JSON
	maxOption  = 512
	maxOptions = 64
	maxMounts  = 100_000
)

// Parse reads proc_pid_mountinfo(5): id, parent, device, root, mount point,
// options, tags, a dash, type, source, options of the file system. bad is how
// many lines are of another form. Of two mounts with one name the later one,
// which lies above, is kept.
func Parse(data []byte) (mounts []*fact.Mount, bad int) {
	at := make(map[[3]string]int)
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		m, ok := parseLine(line)
		if !ok {
			bad++
			continue
		}
		key := [3]string{m.Path, m.Type, m.Source}
		if i, twice := at[key]; twice {
			mounts[i] = m
			continue
		}
		if len(mounts) == maxMounts {
			bad++
			continue
		}
		at[key] = len(mounts)
		mounts = append(mounts, m)
	}
	return mounts, bad
}

func parseLine(line []byte) (*fact.Mount, bool) {
	head, tail, ok := bytes.Cut(line, []byte(" - "))
	front, back := bytes.Split(head, []byte(" ")), bytes.Split(tail, []byte(" "))
	// A source may be the empty string.
	if !ok || len(front) < 6 || len(back) < 3 {
		return nil, false
	}
	m := &fact.Mount{
		Path:    describe.Plain(proc.Unescape(front[4]), maxText),
		Type:    describe.Plain(proc.Unescape(back[0]), maxOption),
		Source:  proc.Unescape(back[1]),
		Options: options(front[5], back[2]),
	}
	// A part of a file system that is mounted, as findmnt(8) writes it.
	if root := proc.Unescape(front[3]); root != "/" {
		m.Source += "[" + root + "]"
	}
	m.Source = describe.Plain(m.Source, maxText)
	return m, true
}

// options are those of the mount and then those of the file system, each once
// and within bounds. ro and rw of the two may differ; ro holds then.
func options(lists ...[]byte) []string {
	var all []string
	for _, list := range lists {
		for more := true; more; {
			var option []byte
			option, list, more = bytes.Cut(list, []byte(","))
			o := describe.Plain(proc.Unescape(option), maxOption)
			if o != "" && len(all) < maxOptions && !slices.Contains(all, o) {
				all = append(all, o)
			}
		}
	}
	if slices.Contains(all, "ro") {
		all = slices.DeleteFunc(all, func(o string) bool { return o == "rw" })
	}
	return all
}
