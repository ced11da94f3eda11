package sensor

import (
	"net"
	"os"
	"sync"
	"time"

	"picket.internal/sensor/eventlog"
)

// readyWithin is how long the start may take: a canary on a disk that does not
// answer must not keep the host from coming up.
const readyWithin = 10 * time.Second

// startComplete returns what is to be called when the canaries are watched: who
// waits for the service may then rely on it.
func startComplete(log *eventlog.Logger) (armed func()) {
	armed = sync.OnceFunc(func() { ready(log) })
	time.AfterFunc(readyWithin, armed)
	return armed
}

// ready tells the service manager, where one asked to be told, that the start
// is complete. Source: sd_notify(3).
func ready(log *eventlog.Logger) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.Dial("unixgram", path)
	if err == nil {
		_, err = c.Write([]byte("READY=1"))
		c.Close()
	}
	if err != nil {
		log.Warn("telling the service manager that the start is complete", "error", err)
	}
}
