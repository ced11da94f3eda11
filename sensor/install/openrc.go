//go:build linux

package install

import (
	"errors"
	"fmt"
	"os"

	"picket.internal/packaging"
	"picket.internal/sensor/send/launch"
)

const (
	openrcRun = "/sbin/openrc-run"
	rcUpdate  = "/sbin/rc-update"
	rcService = "/sbin/rc-service"

	leaseService = "picket-lease"
)

// openrc is the init of Alpine and Gentoo. Source: openrc-run(8),
// rc-update(8), rc-service(8).
type openrc struct{}

func (openrc) files(h *host) error {
	for _, f := range packaging.OpenRC() {
		if err := h.place(f, nil); err != nil {
			return err
		}
	}
	if err := h.addUsers(); err != nil {
		return fmt.Errorf("making the users: %w", err)
	}
	as, err := sender(h.path("/etc/passwd"))
	if err != nil {
		return err
	}
	for _, dir := range []struct {
		path string
		mode os.FileMode
		own  bool // the sender's, else root's
	}{
		{"/etc/picket", 0o755, false}, {"/etc/picket/trust", 0o755, false}, {stateDir, 0o700, true}, {wrapperDir, 0o700, false},
	} {
		err := os.Mkdir(h.path(dir.path), dir.mode)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil && dir.own {
			err = os.Lchown(h.path(dir.path), int(as.Credential.Uid), int(as.Credential.Gid))
		}
		if err != nil {
			return fmt.Errorf("making the folders: %w", err)
		}
	}
	return nil
}

// addUsers makes the two users with the programs of the shadow suite, which
// Alpine has in its package shadow.
func (h *host) addUsers() error {
	const add = "/usr/sbin/useradd"
	if !h.exists(add) {
		return fmt.Errorf("%s is not there: install the package shadow", add)
	}
	for _, user := range []struct{ name, home, what, groups string }{
		{"picket-watch", "/", "Picket sensor, watching", ""},
		{"picket", stateDir, "Picket sensor, sending", "picket-watch"},
	} {
		args := []string{"--system", "--user-group", "--no-create-home", "--home-dir", user.home, "--shell", "/sbin/nologin", "--comment", user.what}
		if user.groups != "" {
			args = append(args, "--groups", user.groups)
		}
		err := h.run(add, append(args, user.name)...)
		if ended := (*exitStatus)(nil); errors.As(err, &ended) && ended.code == 9 { // it is there already, useradd(8)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (openrc) begin(h *host, mode launch.Mode) error {
	for _, name := range packaging.Services {
		if name == leaseService && !mode.Acts() {
			continue
		}
		if err := h.run(rcUpdate, "--quiet", "add", name, runlevel(name)); err != nil {
			return err
		}
		if err := h.run(rcService, "--quiet", name, "restart"); err != nil {
			return err
		}
	}
	return nil
}

func (openrc) end(h *host, keepState bool) error {
	var errs []error
	for _, name := range packaging.Services {
		if keepState && name == leaseService || !h.exists("/etc/init.d/"+name) { // leases must end
			continue
		}
		errs = append(errs, h.run(rcService, "--quiet", "--ifstarted", name, "stop"), h.run(rcUpdate, "--quiet", "del", name, runlevel(name)))
	}
	return errors.Join(errs...)
}

// runlevel is when a service starts: what keeps a host isolated comes before
// the network.
func runlevel(service string) string {
	if service == leaseService {
		return "boot"
	}
	return "default"
}

func (openrc) remove(h *host) error {
	var errs []error
	for _, f := range packaging.OpenRC() {
		errs = append(errs, remove(h.path(f.Path)))
	}
	return errors.Join(errs...)
}
