//go:build linux

package files

// Defaults are the files that decide how the host is entered, what it loads
// and what runs by itself. What has an inventory of its own is not among them:
// accounts, authorized keys, sudoers, services, cron.
func Defaults() []Path {
	all := []Path{
		{Path: "/etc/ssh", Recursive: true},
		{Path: "/etc/pam.d"},
		{Path: "/etc/security", Recursive: true},
		{Path: "/etc/profile.d"},
		{Path: "/etc/ld.so.conf.d"},
		{Path: "/etc/modules-load.d"},
		{Path: "/etc/modprobe.d"},
		{Path: "/etc/sysctl.d"},
		{Path: "/etc/udev/rules.d"},
		{Path: "/etc/apt/apt.conf.d"},
		{Path: "/etc/apt/sources.list.d"},
		{Path: "/etc/apt/trusted.gpg.d"},
		{Path: "/etc/yum.repos.d"},
		{Path: "/etc/update-motd.d"},
		{Path: "/etc/polkit-1", Recursive: true},
		{Path: "/etc/NetworkManager/dispatcher.d", Recursive: true},
		{Path: "/etc/audit", Recursive: true},
	}
	for _, file := range []string{
		"/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/environment",
		"/etc/hosts", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/nsswitch.conf", "/etc/login.defs", "/etc/securetty",
		"/etc/sysctl.conf", "/etc/modules", "/etc/rc.local", "/etc/inittab", "/etc/sudo.conf", "/etc/apt/sources.list",
		"/etc/selinux/config", "/root/.bashrc", "/root/.bash_profile", "/root/.profile", "/root/.ssh/rc",
	} {
		all = append(all, Path{Path: file})
	}
	return all
}
