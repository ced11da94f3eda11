//go:build linux

package packagedb

// rpmDirs are where rpm keeps its database: of old, of SUSE and Fedora, and
// of images that are updated as a whole.
var rpmDirs = [...]string{"var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"}

func rpmPackages(root string, l *list) {}
func (p *pass) rpm()                   {}
