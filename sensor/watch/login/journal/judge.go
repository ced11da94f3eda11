//go:build linux

package journal

import (
	"bytes"
	"slices"
	"strconv"
)

// verdict is what is remembered of a field.
type verdict uint8

const (
	dull     verdict = iota + 1
	against          // an entry that has it does not count
	root             // _UID=0
	identity         // a SYSLOG_IDENTIFIER that counts
	telling          // has to be read each time
)

// judge reads an entry's fields as far as needed. journald sorts them by their
// place, so that what many entries share comes first, and is known.
func (fl *Follower) judge(r raw, lost *Lost) (e Entry, ok bool, err error) {
	isRoot, packed, said := false, false, false
	for _, at := range r.fields {
		v := fl.known[at]
		var text []byte
		if v == 0 || v == identity {
			var p bool
			if text, p, err = fl.file.field(at); err != nil {
				return Entry{}, false, err
			}
			packed = packed || p
			v = fl.verdict(text)
			if len(fl.known) >= maxCache {
				clear(fl.known)
			}
			if v != telling {
				fl.known[at] = v
			}
		}
		name, value, _ := bytes.Cut(text, []byte("="))
		switch {
		case v == against:
			return Entry{}, false, nil
		case v == root:
			isRoot = true
		case v == identity:
			e.Program = string(value)
		case v == telling && string(name) == "_PID":
			e.PID, _ = strconv.ParseInt(string(value), 10, 32)
		case v == telling && !said:
			e.Message, said = string(value), true
		}
	}
	if !isRoot || e.Program == "" {
		return Entry{}, false, nil
	}
	if !said {
		if packed {
			lost.Packed++
		}
		return Entry{}, false, nil
	}
	return e, true, nil
}

func (fl *Follower) verdict(text []byte) verdict {
	name, value, _ := bytes.Cut(text, []byte("="))
	switch string(name) {
	case "_UID":
		if string(value) == "0" {
			return root
		}
		return against
	case "_COMM":
		if slices.Contains(fl.programs, string(value)) {
			return dull
		}
		return against
	case "SYSLOG_IDENTIFIER":
		if slices.Contains(fl.programs, string(value)) {
			return identity
		}
		return against
	case "MESSAGE", "_PID":
		return telling
	}
	return dull
}
