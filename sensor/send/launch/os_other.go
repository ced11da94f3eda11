//go:build !linux

package launch

func noNewPrivileges() bool { return false }
