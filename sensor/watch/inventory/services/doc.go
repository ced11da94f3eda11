// Package services reads the services of a host: units of systemd, or the
// scripts of OpenRC and SysV init where there is no systemd. What is enabled
// and what would run comes from files, as the next boot will find them; how
// systemd's units are now is asked of systemd itself.
//
// It must never start, stop or change a service, nor trust that the service
// manager answers.
package services
