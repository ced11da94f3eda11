//go:build linux

package proc

// IsSlowKind tells the file systems behind which a server or a program stands
// that may never answer.
func IsSlowKind(kind string) bool { return slowKind(kind) }
