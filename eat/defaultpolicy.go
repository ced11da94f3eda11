package eat

// DefaultPolicy is what is installed: containment that ends soon and that a
// person can look into is the hub's to decide; what could hurt needs an
// operator's signature. The addresses of the hub are still missing in it.
func DefaultPolicy() HostPolicy {
	signed := ActionRule{Signatures: []Signatures{{Need: 1}}}
	often := ActionRule{Rate: 60}
	return HostPolicy{
		V: version,
		Actions: map[string]ActionRule{
			ActionNoop:            often,
			ActionAttest:          often,
			ActionCollectEvidence: {},
			ActionSuspendProcess:  {MaxLifetime: 3600},
			ActionResumeProcess:   often,
			ActionKillProcess:     signed,
			ActionIsolateNetwork:  signed,
			ActionReleaseNetwork:  signed,
			ActionQuarantineFile:  {MaxLifetime: 30 * 24 * 3600, Signatures: signed.Signatures},
			ActionRestoreFile:     signed,
			ActionDisableUser:     signed,
			ActionEnableUser:      signed,
			ActionRevokeSSHKey:    signed,
			ActionRestoreSSHKey:   signed,
			ActionStopService:     signed,
			ActionStartService:    signed,
			ActionBlockAddress:    signed,
			ActionUnblockAddress:  signed,
			ActionRelease:         often,
		},
		Protected: Protected{
			Executables: []string{
				"/lib/systemd/systemd", "/usr/lib/systemd/systemd", "/sbin/init", "/usr/sbin/sshd", "/usr/lib/openssh/sshd-session",
				"/usr/bin/picket-sensor", "/usr/libexec/picket/picket-emergency-action", "/usr/libexec/picket/picket-self-update",
			},
			Users: []string{"root", "picket", "picket-watch"},
			Paths: []string{
				"/bin", "/boot", "/etc/group", "/etc/gshadow", "/etc/nsswitch.conf", "/etc/pam.d", "/etc/passwd", "/etc/picket", "/etc/shadow",
				"/etc/ssh", "/etc/sudoers", "/etc/sudoers.d", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr/bin", "/usr/lib", "/usr/lib64",
				"/usr/libexec/picket", "/usr/sbin", "/var/lib/picket",
			},
			Services: []string{
				"NetworkManager.service", "dbus.service", "getty@.service", "networking.service", "picket-send.service", "picket-watch.service",
				"ssh.service", "sshd.service", "systemd-journald.service", "systemd-logind.service", "systemd-networkd.service",
				"systemd-resolved.service", "systemd-udevd.service",
			},
		},
		EvidencePaths: []string{"/dev/shm", "/srv", "/tmp", "/var/tmp", "/var/www"},
	}
}
