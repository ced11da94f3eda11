//go:build linux

package install

import (
	"errors"

	"picket.internal/sensor/send/launch"
)

// initSystem is what starts services on a host.
type initSystem interface {
	// files puts services, users and folders in place.
	files(h *host) error
	// begin starts what was put in place, now and at each boot.
	begin(h *host, mode launch.Mode) error
	// end stops it for good. With keepState the clock of what is in force stays.
	end(h *host, keepState bool) error
	// remove takes the services' files away.
	remove(h *host) error
}

// initSystem finds out which one there is.
func (h *host) initSystem() (initSystem, error) {
	switch {
	case h.exists("/run/systemd/system"):
		return systemd{}, nil
	case h.exists(openrcRun):
		return openrc{}, nil
	}
	return nil, errors.New("installing: neither systemd nor OpenRC runs here: have your init start 'picket-sensor watch' and 'picket-sensor send', as packaging/README.md says")
}
