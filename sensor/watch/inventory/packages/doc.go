// Package packages is the inventory of installed packages: those of dpkg, rpm
// and apk, whichever the host has. It must never ask a package manager.
package packages
