package action

import "path/filepath"

// Root is where the host's files begin: "/" in production, a folder in tests.
type Root struct{ Dir string }

// State is the folder for what the wrapper keeps, below Root.
func (r Root) State() string { return filepath.Join(r.Dir, "var/lib/picket/wrapper") }
