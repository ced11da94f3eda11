package sensor

import (
	"log/slog"
	"net"
	"os"
)

// ready tells the service manager, where one asked to be told, that the start
// is complete. Source: sd_notify(3).
func ready(log *slog.Logger) {
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
