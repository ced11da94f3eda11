package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"picket.internal/sensor/send/launch"
)

// installer sets hosts up: a program of its own, so that what is needed once is
// not in the one that runs always.
const installer = "/usr/libexec/picket/picket-sensor-install"

// system are the commands that set a host up.
var system = map[string]command{
	"install":   {run: handOver("install")},
	"uninstall": {run: handOver("uninstall")},
}

// handOver becomes the installer, with its arguments and its standard input.
func handOver(name string) func(context.Context, []string, io.Reader, io.Writer, io.Writer) error {
	return func(_ context.Context, args []string, _ io.Reader, _, _ io.Writer) error {
		err := launch.Become(installer, append([]string{"picket-sensor", name}, args...)...)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is not there: it comes with the package and with the tarball", installer)
		}
		return err
	}
}
