// Package action is what the emergency actions share: the host that they act
// on, how an action is refused, what is told of its effect, and how files and
// processes are held by descriptor, so that a name or a number cannot come to
// mean something else between a look and an act.
//
// It must never follow a symbolic link that it was not asked to judge, never
// signal a process by its number, and never run a program.
package action

import "path/filepath"

// Root is the host that is acted on.
type Root struct {
	// Dir is "/", or a folder in tests that do without the real one.
	Dir string
}

// StateDir is the folder for what is kept, below Dir: undo records, quarantine,
// evidence.
const StateDir = "var/lib/picket-wrapper"

// State is where StateDir is.
func (r Root) State() string { return filepath.Join(r.Dir, StateDir) }
