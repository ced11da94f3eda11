//go:build linux

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// What an emergency action goes through, beside the service manager.
const (
	wrapperFile   = "/usr/libexec/picket/picket-emergency-action"
	sudoersFile   = "/etc/sudoers.d/picket"
	sandboxFile   = "/etc/systemd/system/picket-send.service.d/10-launch-socket.conf"
	wrapperSocket = "/run/picket-wrapper/action.sock"
	again         = "picket-sensor install --launch "
)

// trusted are the files that the wrapper decides by, and refuses without.
var trusted = []string{"/etc/picket/trust/trust.json", "/etc/picket/trust/host.json", "/etc/picket/host-policy.json"}

// launch tells whether an emergency action that the hub orders could be done,
// in the way that the configuration has chosen. It starts nothing: a noop token
// of the hub's does, which picket eat issue sends.
func launch(h *host) *Finding {
	f := h.launch()
	f.Needed = h.Launch == "sudo" || h.Launch == "socket"
	return f
}

func (h *host) launch() *Finding {
	if !h.exists(wrapperFile) {
		return no(wrapperFile+" is not there: this host cannot act on emergencies, only tell", "install the package picket-sensor")
	}
	systemd := h.exists("/run/systemd/system")
	sudo := h.exists("/usr/bin/sudo") || h.exists("/bin/sudo")
	switch h.Launch {
	case "sudo":
		switch {
		case !sudo:
			return no("launch mode sudo, and sudo is not there: no emergency action can be done", "install sudo, or: "+again+"socket")
		case h.gone(sudoersFile):
			return no("launch mode sudo, and "+sudoersFile+" is not there: sudo will refuse each emergency action", again+"sudo")
		case h.exists(sandboxFile):
			return no(fmt.Sprintf("launch mode sudo, and %s sets NoNewPrivileges for the sender: sudo cannot work in it", sandboxFile), again+"sudo")
		}
	case "socket":
		if h.gone(wrapperSocket) {
			return no("launch mode socket, and "+wrapperSocket+" is not there: no emergency action can be done", "systemctl enable --now picket-wrapper.socket")
		}
	default:
		switch {
		case systemd:
			return no("no launch mode is chosen: this host only tells; socket keeps the sender's whole sandbox, sudo works with any init", again+"socket")
		case sudo:
			return no("no launch mode is chosen: this host only tells", again+"sudo")
		}
		return no("neither systemd nor sudo is there: this host cannot act on emergencies, only tell", "install sudo")
	}
	var missing []string
	for _, path := range trusted {
		if h.gone(path) {
			missing = append(missing, path)
		}
	}
	if len(missing) > 0 {
		return no(fmt.Sprintf("launch mode %s, and the wrapper will refuse all: there is no %s", h.Launch, strings.Join(missing, ", no ")), again+h.Launch)
	}
	return yes("launch mode " + h.Launch + ": the wrapper and all that it decides by are there")
}

// gone tells whether a file is certainly not there: folders of root's keep
// others from looking.
func (h *host) gone(path string) bool {
	_, err := os.Stat(h.Root + path)
	return errors.Is(err, fs.ErrNotExist)
}
