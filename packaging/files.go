// Package packaging is the only place that knows where Picket's files are
// installed. It carries those that are not programs, for picket-sensor install,
// and nfpm/ makes packages of the same.
//
// It must never change a host: it says what belongs where, and others do it.
package packaging

import "embed"

//go:embed systemd sysusers.d tmpfiles.d sudoers.d openrc
var content embed.FS

// File is a file of Picket's.
type File struct {
	// Path is where it goes, absolute.
	Path string
	// Mode is its mode; it belongs to root.
	Mode   uint32
	source string
}

// Content is what is in it.
func (f File) Content() []byte {
	data, err := content.ReadFile(f.source)
	if err != nil {
		panic(err) // the list below names what is not embedded; a test opens all
	}
	return data
}

// Units are the units of systemd.
var Units = []string{
	"picket-lease.service", "picket-lease.timer", "picket-send.service", "picket-watch.service", "picket-wrapper.socket", "picket-wrapper@.service",
}

// Services are those of OpenRC, in the order of their start.
var Services = []string{"picket-lease", "picket-watch", "picket-send"}

// OpenRC are the files that are installed where OpenRC is the init, instead of
// all but sudo's.
func OpenRC() (files []File) {
	for _, name := range Services {
		files = append(files, File{"/etc/init.d/" + name, 0o755, "openrc/" + name})
	}
	return files
}

// Files are what is installed beside the programs where systemd is the init,
// however they get there.
func Files() []File {
	files := []File{
		{"/usr/lib/sysusers.d/picket.conf", 0o644, "sysusers.d/picket.conf"},
		{"/usr/lib/tmpfiles.d/picket.conf", 0o644, "tmpfiles.d/picket.conf"},
	}
	for _, unit := range Units {
		files = append(files, File{"/usr/lib/systemd/system/" + unit, 0o644, "systemd/" + unit})
	}
	return files
}

// Sudoers is there where the launch is sudo.
var Sudoers = File{"/etc/sudoers.d/picket", 0o440, "sudoers.d/picket"}

// SendSandbox is there where the launch is socket.
var SendSandbox = File{"/etc/systemd/system/picket-send.service.d/10-launch-socket.conf", 0o644, "systemd/picket-send-socket.conf"}
