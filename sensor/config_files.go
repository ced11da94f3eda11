package sensor

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"picket.internal/fact"
)

// WatchFile is a file, or a folder, whose state is told when it changes.
type WatchFile struct {
	// Path is absolute. Must be set. What is not there yet is watched for.
	Path string `json:"path"`
	// Recursive is true where all that lies below a folder counts too; else
	// only what lies in it does.
	Recursive bool `json:"recursive,omitempty"`
	// Exclude are patterns as in "*.swp"; one with a slash is held against the
	// whole path, another against the last part. What matches is left out with
	// all that is below it.
	Exclude []string `json:"exclude,omitempty"`
	// MaxFiles is how many files are kept of it at most; empty means 2000.
	MaxFiles int `json:"max_files,omitempty"`
}

// OwnFile is a file that Picket consists of, or several.
type OwnFile struct {
	// Role is wrapper, unit, sudoers, trust or config. Must be set.
	Role string `json:"role"`
	// Path is absolute; a star in one of its parts stands for any characters
	// but a slash. Must be set.
	Path string `json:"path"`
}

// ownRoles are what a file of Picket's own may be for.
var ownRoles = []string{fact.OwnWrapper, fact.OwnUnit, fact.OwnSudoers, fact.OwnTrust, fact.OwnConfig}

// validateFiles checks the files that the configuration names.
func (c *Config) validateFiles() error {
	for i, f := range c.OwnFiles {
		if !slices.Contains(ownRoles, f.Role) {
			return fmt.Errorf("own_files.%d.role: %q is none of %q", i, f.Role, ownRoles)
		}
		if !filepath.IsAbs(f.Path) {
			return fmt.Errorf("own_files.%d.path: %q is not absolute", i, f.Path)
		}
		if _, err := path.Match(f.Path, ""); err != nil {
			return fmt.Errorf("own_files.%d.path: malformed pattern %q", i, f.Path)
		}
	}
	seen := make(map[string]bool)
	for i, f := range c.WatchFiles {
		if !filepath.IsAbs(f.Path) {
			return fmt.Errorf("watch_files.%d.path: %q is not absolute", i, f.Path)
		}
		if seen[f.Path] {
			return fmt.Errorf("watch_files.%d.path: %q is there twice", i, f.Path)
		}
		seen[f.Path] = true
		if f.MaxFiles < 0 {
			return fmt.Errorf("watch_files.%d.max_files: %d is less than nothing", i, f.MaxFiles)
		}
		for _, pattern := range f.Exclude {
			if _, err := path.Match(pattern, ""); err != nil {
				return fmt.Errorf("watch_files.%d.exclude: malformed pattern %q", i, pattern)
			}
		}
	}
	return nil
}
