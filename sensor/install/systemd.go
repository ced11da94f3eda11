//go:build linux

package install

import (
	"errors"
	"fmt"

	"picket.internal/packaging"
	"picket.internal/sensor/send/launch"
)

// systemd is the init of most hosts. Source: sysusers.d(5), tmpfiles.d(5),
// systemctl(1).
type systemd struct{}

func (systemd) files(h *host) error {
	for _, f := range packaging.Files() {
		if err := h.place(f, nil); err != nil {
			return err
		}
	}
	if err := h.run("/usr/bin/systemd-sysusers", "picket.conf"); err != nil {
		return fmt.Errorf("making the users: %w", err)
	}
	if err := h.run("/usr/bin/systemd-tmpfiles", "--create", "picket.conf"); err != nil {
		return fmt.Errorf("making the folders: %w", err)
	}
	return nil
}

func (systemd) begin(h *host, mode launch.Mode) error {
	units := []string{"picket-watch.service", "picket-send.service"}
	if mode.Acts() {
		units = append(units, "picket-lease.timer", "picket-lease.service")
	}
	if mode == launch.Socket {
		units = append(units, "picket-wrapper.socket")
	}
	if err := h.run(systemctl, "daemon-reload"); err != nil {
		return err
	}
	if mode != launch.Socket {
		if err := h.run(systemctl, "disable", "--quiet", "--now", "picket-wrapper.socket"); err != nil {
			return err
		}
	}
	if err := h.run(systemctl, append([]string{"enable", "--quiet"}, units...)...); err != nil {
		return err
	}
	return h.run(systemctl, append([]string{"restart"}, units...)...)
}

func (systemd) end(h *host, keepState bool) error {
	if !h.exists("/usr/lib/systemd/system/picket-send.service") || !h.exists(systemctl) {
		return nil
	}
	units := []string{"disable", "--quiet", "--now", "picket-wrapper.socket", "picket-send.service", "picket-watch.service"}
	// With the state stays the timer: leases must end.
	if !keepState {
		units = append(units, "picket-lease.timer", "picket-lease.service")
	}
	return h.run(systemctl, units...)
}

func (systemd) remove(h *host) error {
	var errs []error
	for _, f := range packaging.Files() {
		errs = append(errs, remove(h.path(f.Path)))
	}
	return errors.Join(errs...)
}
