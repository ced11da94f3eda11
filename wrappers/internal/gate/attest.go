//go:build linux

package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/eat"
	"picket.internal/wrappers/internal/action"
)

const sensorPath = "/usr/bin/picket-sensor"

// attested are the files that an attestation hashes, by the name that it tells
// them under.
var attested = map[string]string{
	"file.sensor":            sensorPath,
	"file.emergency_action":  "/usr/libexec/picket/picket-emergency-action",
	"file.lease":             "/usr/libexec/picket/picket-lease",
	"file.self_update":       "/usr/libexec/picket/picket-self-update",
	"file.sudoers":           "/etc/sudoers.d/picket",
	"file.unit_watch":        "/usr/lib/systemd/system/picket-watch.service",
	"file.unit_send":         "/usr/lib/systemd/system/picket-send.service",
	"file.unit_wrapper":      "/usr/lib/systemd/system/picket-wrapper@.service",
	"file.unit_lease":        "/usr/lib/systemd/system/picket-lease.service",
	"file.trust":             "/" + trustFile,
	"file.host":              "/" + hostFile,
	"file.policy":            "/" + policyFile,
	"file.sensor_config":     "/etc/picket/sensor.json",
	"file.unit_watch_dropin": "/etc/systemd/system/picket-watch.service.d",
	"file.unit_send_dropin":  "/etc/systemd/system/picket-send.service.d",
}

const (
	maxAttested = 64 << 20
	maxRunning  = 16
)

// attest hashes the sensor as it lies on the disk and as it runs, and what the
// wrapper trusts. The sensor has no part in it: one that lies about its own hash
// is found out.
func (h *host) attest(args eat.Attest) (action.Effect, error) {
	effect := action.Effect{"nonce": args.Nonce}
	for name, path := range attested {
		effect[name] = digest(filepath.Join(h.cfg.Root, path), maxAttested)
	}
	running, err := h.running()
	if err != nil {
		return nil, err
	}
	effect["running"] = strconv.Itoa(len(running))
	for _, pid := range running[:min(len(running), maxRunning)] {
		effect["running."+strconv.Itoa(pid)] = digest(fmt.Sprintf("/proc/%d/exe", pid), maxAttested)
	}
	return effect, nil
}

// running are the processes that run the sensor, whatever lies at its path now.
func (h *host) running() (pids []int, err error) {
	names, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list /proc: %w", err)
	}
	want := filepath.Join(h.cfg.Root, sensorPath)
	for _, entry := range names {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		exe, err := os.Readlink("/proc/" + entry.Name() + "/exe")
		if err == nil && strings.TrimSuffix(exe, " (deleted)") == want {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// digest is the hash of a file, or why there is none.
func digest(path string, most int64) string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ENOENT) {
		return "absent"
	}
	if err != nil {
		return "unreadable: " + err.Error()
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "unreadable: " + err.Error()
	case info.IsDir():
		return "a folder" // a drop-in that should not be there
	case !info.Mode().IsRegular():
		return "no regular file"
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return "unreadable: " + err.Error()
	case n > most:
		return "too large"
	}
	return hex.EncodeToString(sum.Sum(nil))
}
