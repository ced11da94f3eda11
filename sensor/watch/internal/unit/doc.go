// Package unit reads the unit files of systemd as systemd does: which file
// stands for a unit, what drop-ins change of it, and whether it is enabled.
// Sources: systemd.unit(5), systemd.syntax(7), systemctl(1) is-enabled.
//
// It must never ask systemd: what it says is what the next boot will find.
package unit
