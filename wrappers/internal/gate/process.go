//go:build linux

package gate

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/internal/version"
	"picket.internal/wrappers/internal/action"
)

// environment is all that a wrapper runs with: nothing that a Go program, the
// loader or a library would take an order from.
var environment = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}

// Main is a program of root's: it runs where nobody else has shaped it, and says
// in one line what went wrong.
func Main(name string, run func(Config) error) {
	err := enter()
	if err == nil {
		var self string
		if self, err = os.Readlink("/proc/self/exe"); err == nil {
			// An upgrade may put another file in its place while it starts.
			err = run(Config{Version: version.String(), Self: strings.TrimSuffix(strings.TrimPrefix(self, "/"), " (deleted)")})
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, plain(err.Error()))
		os.Exit(1)
	}
}

// enter makes the process one that nobody but root has shaped: called without
// arguments, as root, in an environment of its own. Where the environment is
// another it starts the program again in that one, because the runtime has read
// the old one already.
func enter() error {
	if len(os.Args) != 1 {
		return action.Refuse("wrapper.args_refused", "it takes no arguments: the order is read from standard input")
	}
	if os.Getuid() != 0 || os.Geteuid() != 0 || os.Getgid() != 0 || os.Getegid() != 0 {
		return action.Refuse("wrapper.not_root", "it runs as uid %d, gid %d: start it by sudo or its unit", os.Geteuid(), os.Getegid())
	}
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "LD_") {
			return action.Refuse("wrapper.env_refused", "%.64q is set: sudoers must reset the environment", name)
		}
	}
	if !slices.Equal(os.Environ(), environment) {
		return fmt.Errorf("start again in a clean environment: %w", unix.Exec("/proc/self/exe", []string{os.Args[0]}, environment))
	}
	unix.Umask(0o077)
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("chdir /: %w", err)
	}
	return unrestricted()
}

// needed are the capabilities without which some action cannot be done: a
// sandbox of the caller's that holds them back is found before anything is
// begun. See capabilities(7).
var needed = map[string]uint{
	"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_NET_ADMIN": 12, "CAP_SYS_PTRACE": 19,
}

// unrestricted refuses to begin where the caller's sandbox would end an action
// in its middle.
func unrestricted() error {
	effective, err := action.Status(os.Getpid(), "CapEff")
	if err != nil {
		return err
	}
	have, err := strconv.ParseUint(effective, 16, 64)
	if err != nil {
		return fmt.Errorf("malformed CapEff: %w", err)
	}
	for capability, bit := range needed {
		if have&(1<<bit) == 0 {
			return action.Refuse("wrapper.sandboxed", "%s is held back from it: the unit that starts it must not bound capabilities", capability)
		}
	}
	if filter, err := action.Status(os.Getpid(), "Seccomp"); err == nil && filter != "0" { // a kernel may have none
		return action.Refuse("wrapper.sandboxed", "a system call filter is on it: the unit that starts it must have none")
	}
	return nil
}

// writable refuses to begin where the state could not be written down.
func writable(state folder) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(state.f.Fd()), &st); err != nil {
		return fmt.Errorf("statfs %s: %w", state.f.Name(), err)
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return action.Refuse("wrapper.readonly_target", "%s is read-only here: the unit that starts it must not have ProtectSystem", state.f.Name())
	}
	return nil
}
