//go:build linux

package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"picket.internal/packaging"
	"picket.internal/sensor/send/launch"
)

// Uninstall takes back what Install did. With keepState the identity, the
// wrapper's key and journal, the configuration and the users stay, so that a
// later Install goes on as the same host. Units that a package has put there
// are the package's to remove, and so are the programs.
func Uninstall(ctx context.Context, keepState, keepFiles bool, say io.Writer) error {
	h := &host{ctx: ctx, root: "/", say: say}
	if os.Geteuid() != 0 {
		return errors.New("uninstalling: only root can; run it with sudo")
	}
	// First the way to root, then the rest.
	if err := remove(h.path(packaging.Sudoers.Path)); err != nil {
		return err
	}
	var errs []error
	init, err := h.initSystem()
	if err != nil {
		init = systemd{} // its files may be there without it, as in an image
	}
	errs = append(errs, init.end(h, keepState))
	if !keepState {
		errs = append(errs, h.leave())
	}
	errs = append(errs, remove(h.path(packaging.SendSandbox.Path)))
	os.Remove(filepath.Dir(h.path(packaging.SendSandbox.Path))) // where somebody has one of his own there, it stays
	if !keepState && errors.Join(errs...) == nil {
		for _, dir := range []string{"/etc/picket", stateDir, wrapperDir, "/run/picket-wrapper", "/run/picket-watch"} {
			errs = append(errs, os.RemoveAll(h.path(dir)))
		}
		errs = append(errs, h.removeUsers())
	}
	if !keepFiles {
		errs = append(errs, init.remove(h))
	}
	if h.exists(systemctl) {
		errs = append(errs, h.run(systemctl, "daemon-reload"))
		launch.Run(ctx, launch.Command{Path: systemctl, Args: []string{"reset-failed", "picket-*"}}, nil) // where there are none it complains
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("uninstalling: %w", err)
	}
	return nil
}

// leave takes back what tokens have put in force: a host must not stay cut off
// by what is no longer there to end it. Where that fails, the state stays.
func (h *host) leave() error {
	const lease, ledger, leaving = "/usr/libexec/picket/picket-lease", wrapperDir + "/ledger", wrapperDir + "/leaving"
	if !h.exists(lease) || !h.exists(ledger) {
		return nil
	}
	if err := replace(h.path(leaving), nil, 0o600, nil); err != nil {
		return err
	}
	defer os.Remove(h.path(leaving))
	if err := h.run(lease); err != nil {
		return fmt.Errorf("taking back what is in force: %w", err)
	}
	return nil
}

func (h *host) exists(path string) bool {
	_, err := os.Lstat(h.path(path))
	return err == nil
}

func (h *host) removeUsers() error {
	var errs []error
	for _, user := range []string{"picket", "picket-watch"} {
		r, err := launch.Run(h.ctx, launch.Command{Path: "/usr/sbin/userdel", Args: []string{user}}, nil)
		if err == nil && r.Code != 0 && r.Code != 6 { // 6: there is no such user, userdel(8)
			err = fmt.Errorf("removing the user %s: %s", user, r.Complaint)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
