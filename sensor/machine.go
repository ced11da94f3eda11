package sensor

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"strings"

	"picket.internal/sensor/send"
)

// Where a Linux host says what it is.
const (
	bootIDFile  = "/proc/sys/kernel/random/boot_id"
	releaseFile = "/proc/sys/kernel/osrelease"
)

// machineIDFiles are where the machine id may be. Source: machine-id(5).
var machineIDFiles = []string{"/etc/machine-id", "/var/lib/dbus/machine-id"}

// thisMachine is what the host tells of itself when it enrolls.
func thisMachine() send.Machine {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "unknown"
	}
	return send.Machine{
		ID:           machineID(machineIDFiles),
		Name:         name,
		OS:           runtime.GOOS,
		Kernel:       line(releaseFile, "unknown"),
		Architecture: runtime.GOARCH,
	}
}

// machineID tells machines apart without naming them: machine-id(5) asks not
// to show the id itself to others. A machine without one, as a container, is
// one of its own each time.
func machineID(files []string) string {
	for _, file := range files {
		if id := line(file, ""); len(id) == 32 {
			sum := sha256.Sum256([]byte("picket machine v1\n" + id))
			return hex.EncodeToString(sum[:])
		}
	}
	return hex.EncodeToString(random(32))
}

// bootID is the host's boot id. A host without one gets one for this run, so
// that batches keep their form.
func bootID(file string) string {
	if id := line(file, ""); len(id) == 36 {
		return id
	}
	b := random(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // ends the program rather than fail
	return b
}

// line is what a small file says, or a substitute.
func line(file, otherwise string) string {
	data, err := readBounded(file, 4<<10)
	if err != nil {
		return otherwise
	}
	if s := strings.TrimSpace(string(data)); s != "" {
		return s
	}
	return otherwise
}
