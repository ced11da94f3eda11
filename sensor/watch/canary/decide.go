//go:build linux

package canary

import "picket.internal/fact"

// signs are what the events of one moment say of a canary's place, from the
// file itself and from the folders that lead to it. One deed gives several.
type signs struct {
	movedFrom   bool // its name was renamed away
	movedTo     bool // something was renamed to its name
	deleted     bool // its name was removed
	created     bool // its name was made
	selfMoved   bool // the file was renamed, by some name
	selfDeleted bool // the file's last name is gone
	unmounted   bool // the file system is gone
	above       bool // something happened to a folder that leads to it
	attrib      int64

	cookie uint32    // of movedFrom
	target string    // where it went, where that is known
	who    [2]*actor // fanotify's word on a delete or move, and on an attrib
}

const (
	whoPlace = iota
	whoAttrib
)

// verdict is what the signs come to.
type verdict struct {
	action    string // move or delete; empty where the place is as it was
	recovered bool   // no event said so, the look did
	attrib    bool   // besides, its attributes were changed
}

// decide tells what was done to a canary, from the signs and from what lay in
// its place before and lies there now. A canary that was not there cannot be
// moved or deleted.
func decide(s *signs, before, after spot) verdict {
	if !before.exists {
		return verdict{}
	}
	same := after.exists && after.key == before.key
	switch {
	case s.movedTo || s.movedFrom || s.selfMoved:
		// Away, or something over it; also there and back.
		return verdict{action: fact.CanaryMove}
	case s.deleted || s.selfDeleted || s.unmounted:
		return verdict{action: fact.CanaryDelete}
	case same:
		return verdict{attrib: s.attrib > 0}
	case s.above && !after.exists:
		return verdict{action: fact.CanaryMove} // with the folder it is in
	case !after.exists:
		return verdict{action: fact.CanaryDelete, recovered: s.attrib == 0}
	}
	// Something else is there, as after a mount over it.
	return verdict{action: fact.CanaryMove, recovered: true}
}
