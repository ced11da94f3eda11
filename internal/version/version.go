// Package version knows which build this is. It must never decide anything.
package version

import "runtime/debug"

// Version is set at link time to what git describe says; empty in a build that
// set nothing.
var Version string

// String is the version to show: the one set at link time, else the module's.
func String() string {
	if Version != "" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
