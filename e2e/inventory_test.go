//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"picket.internal/e2e/booted"
	"picket.internal/fact"
)

// watched is how soon a change is at the hub where a watch covers it: 2 s, of
// which the sender waits up to one for company.
const watched = 2 * time.Second

// deed is something that an administrator, or an intruder, does to a host.
type deed struct {
	name string
	// do is a script that runs inside as root.
	do string
	// shows is what the hub must be told.
	shows func(*fact.Fact) bool
	// clock is true where no watch covers it, and the time of the next reading
	// is waited for.
	clock bool
}

// deeds are what Picket must tell of a host, one after the other: some need
// what the ones before have done. The fingerprint is that of /root/key.
func deeds(fingerprint string) []deed {
	return []deed{
		{name: "a package is installed", do: "apt-get install -qy /root/brief_1.0.deb", shows: aPackage(fact.Added, "brief", "1.0")},
		{name: "a package is removed", do: "apt-get remove -qy brief", shows: aPackage(fact.Removed, "brief", "1.0")},
		{name: "a user is added", do: "useradd -m -s /bin/bash alice && echo alice:correct | chpasswd", shows: func(f *fact.Fact) bool {
			u := f.User
			return is(f, fact.KindUser, fact.Added) && u.Name == "alice" && u.Home == "/home/alice" && u.Shell == "/bin/bash" && u.ID != ""
		}},
		{name: "a user joins sudo", do: "usermod -aG sudo alice", shows: func(f *fact.Fact) bool {
			return is(f, fact.KindGroup, fact.Changed) && f.Group.Name == "sudo" && slices.Contains(f.Group.Members, "alice")
		}},
		{name: "a key is authorized", do: `
			install -d -m 700 -o alice -g alice /home/alice/.ssh
			install -m 600 -o alice -g alice /dev/null /home/alice/.ssh/authorized_keys
			echo "no-pty $(cat /root/key.pub)" >> /home/alice/.ssh/authorized_keys`, shows: func(f *fact.Fact) bool {
			s := f.SSHKey
			return is(f, fact.KindSSHKey, fact.Added) && s.Use == "authorized" && s.Account == "alice" && s.Fingerprint == fingerprint &&
				s.Path == "/home/alice/.ssh/authorized_keys" && s.Type == "ssh-ed25519" && slices.Equal(s.Options, []string{"no-pty"})
		}},
		{name: "a unit is enabled", do: "systemctl enable plain.service", shows: func(f *fact.Fact) bool {
			return is(f, fact.KindService, fact.Changed) && f.Service.Name == "plain.service" && f.Service.Enabled == "enabled" &&
				f.Service.Executable == "/usr/bin/sleep"
		}},
		{name: "a listener is opened", do: "systemd-run -q --unit=opened systemd-socket-activate -l 127.0.0.1:4711 /bin/cat", clock: true,
			shows: func(f *fact.Fact) bool {
				l := f.Listener
				return is(f, fact.KindListener, fact.Added) && l.Transport == "tcp" && l.Address == "127.0.0.1" && l.Port == 4711 &&
					l.Executable == "/usr/bin/systemd-socket-activate" && f.Process != nil && f.Process.PID > 1
			}},
		{name: "a listener is closed", do: "systemctl stop opened", clock: true, shows: func(f *fact.Fact) bool {
			return is(f, fact.KindListener, fact.Removed) && f.Listener.Port == 4711
		}},
		{name: "a cron line is added to a user's table", do: "echo '*/5 * * * * /usr/bin/true hello' | crontab -u alice -",
			shows: aCronLine(fact.Added, "/var/spool/cron/crontabs/alice", "alice", "/usr/bin/true hello")},
		{name: "a cron line is added to the system's table", do: "echo '0 4 * * * root /usr/bin/true system' >> /etc/crontab",
			shows: aCronLine(fact.Added, "/etc/crontab", "root", "/usr/bin/true system")},
		{name: "a file system is mounted", do: "mount -t tmpfs -o nosuid here /mnt", clock: true, shows: func(f *fact.Fact) bool {
			return is(f, fact.KindMount, fact.Added) && f.Mount.Path == "/mnt" && f.Mount.Type == "tmpfs"
		}},
		{name: "a sudoers rule is added", do: "echo 'alice ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/alice", shows: func(f *fact.Fact) bool {
			return is(f, fact.KindSudoers, fact.Added) && f.Sudoers.Path == "/etc/sudoers.d/alice" && strings.Contains(f.Sudoers.Text, "NOPASSWD")
		}},
		{name: "a login over SSH with a key", do: ssh("-i /root/key alice@127.0.0.1 true"), shows: func(f *fact.Fact) bool {
			return aLogin(f, fact.Added, "success", "publickey", "alice") && f.Login.Fingerprint == fingerprint
		}},
		{name: "a login over SSH with a wrong key", do: ssh("-i /root/other alice@127.0.0.1 true") + " && exit 1 || true",
			shows: func(f *fact.Fact) bool { return aLogin(f, fact.Changed, "failure", "", "alice") }},
		{name: "a login over SSH as nobody known", do: ssh("-i /root/key mallory@127.0.0.1 true") + " && exit 1 || true",
			shows: func(f *fact.Fact) bool { return aLogin(f, fact.Changed, "failure", "", "mallory") && f.Login.Invalid }},
		{name: "a login over SSH with a wrong password", do: `
			export SSH_ASKPASS=/root/wrong SSH_ASKPASS_REQUIRE=force
			setsid -w ` + strings.Replace(ssh("alice@127.0.0.1 true"), "BatchMode=yes", "NumberOfPasswordPrompts=1", 1) + " && exit 1 || true",
			shows: func(f *fact.Fact) bool { return aLogin(f, fact.Changed, "failure", "password", "alice") }},
	}
}

func ssh(rest string) string {
	return "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR " + rest
}

func is(f *fact.Fact, kind fact.Kind, action string) bool {
	return f.Kind == kind && f.Action() == action
}

func aPackage(action, name, version string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool {
		p := f.Package
		return is(f, fact.KindPackage, action) && p.Name == name && p.Version == version && p.Type == "deb" && p.Architecture == "all"
	}
}

func aCronLine(action, path, account, command string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool {
		s := f.Schedule
		return is(f, fact.KindSchedule, action) && s.Type == "cron" && s.Path == path && s.Account == account && s.Command == command
	}
}

// aLogin tells of a login at sshd from the host itself.
func aLogin(f *fact.Fact, action, outcome, method, user string) bool {
	l := f.Login
	return is(f, fact.KindLogin, action) && l.Service == "sshd" && l.Outcome == outcome && l.Method == method &&
		l.SourceIP == "127.0.0.1" && l.SourcePort > 0 && f.User != nil && f.User.Name == user
}

// TestInventoryIsToldAsItChanges does to a booted Debian what changes its
// inventories, and waits for the hub to tell of each. Then the sensor and the
// hub are both away while more is done, and must come to agree on their own.
func TestInventoryIsToldAsItChanges(t *testing.T) {
	interval := 2 * time.Second // the default takes a minute for each of three deeds
	if os.Getenv("PICKET_SOAK") == "1" {
		interval = time.Minute
	}
	host := booted.Start(t, booted.Options{
		Capabilities: []string{"CAP_NET_ADMIN"}, Packages: []string{"cron", "openssh-client", "openssh-server", "rpm"},
	})
	hub := newHub(t, "--heartbeat", "1s")
	host.Forward(t, hub.listen)
	install(t, host, hub, fmt.Sprintf(`"heartbeat": "1s", "inventory_interval": "%v"`, interval))
	fingerprint := prepare(t, host)
	ear := follow(t, hub)
	began := time.Now()
	host.Run(t, "systemctl", "start", "picket-watch", "picket-send", "ssh")
	t.Cleanup(func() {
		if t.Failed() {
			for _, unit := range units {
				t.Logf("%s logged:\n%s", unit, host.Journal(t, unit))
			}
		}
	})
	awaitInStep(t, hub, began)
	t.Logf("every inventory is in step %v after the start", time.Since(began).Round(time.Millisecond))

	for _, d := range deeds(fingerprint) {
		bound := watched
		if d.clock {
			bound += interval
		}
		from := ear.heard()
		started := time.Now()
		host.Run(t, "sh", "-ec", d.do)
		done := time.Now()
		took := ear.await(t, from, d.name, done.Add(bound+10*time.Second), d.shows).Sub(done)
		if took > bound {
			t.Errorf("%s: it was told after %v, want %v at most", d.name, took, bound)
		}
		t.Logf("%-45s %6.2f s after it was done, of %v; doing it took %.1f s", d.name, took.Seconds(), bound, done.Sub(started).Seconds())
	}
	t.Log("no module is loaded or unloaded: a container may not (CAP_SYS_MODULE), and the kernel is the machine's, which a test must leave alone")
	if n := ear.count(0, func(f *fact.Fact) bool {
		return is(f, fact.KindPackage, fact.Added) || is(f, fact.KindPackage, fact.Removed)
	}); n != 2 {
		t.Errorf("one package came and went, and %d facts tell of packages", n)
	}
	away(t, host, hub, ear, fingerprint)
}

// prepare makes inside what the deeds need, before anybody watches, and tells
// the fingerprint of /root/key.
func prepare(t *testing.T, host *booted.Host) (fingerprint string) {
	t.Helper()
	host.Write(t, "/etc/systemd/system/plain.service", "[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n", 0o644)
	host.Write(t, "/root/wrong", "#!/bin/sh\necho wrong\n", 0o755)
	host.Run(t, "sh", "-ec", `
		systemctl daemon-reload
		cd /root
		for one in brief:1.0 kept:1.0 kept:2.0 gone:1.0; do
			dir=$(mktemp -d) name=${one%:*} version=${one#*:}
			mkdir "$dir/DEBIAN"
			chmod 755 "$dir"
			printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: test\n' \
				"$name" "$version" > "$dir/DEBIAN/control"
			dpkg-deb --build "$dir" "${name}_$version.deb"
		done
		apt-get install -qy /root/kept_1.0.deb /root/gone_1.0.deb
		useradd -m departs
		mkdir -pm 700 .ssh
		for name in key other; do ssh-keygen -q -t ed25519 -N '' -C "$name of the test" -f "$name"; done
		cat other.pub > .ssh/authorized_keys`)
	return strings.Fields(host.Run(t, "ssh-keygen", "-lf", "/root/key.pub"))[1]
}
