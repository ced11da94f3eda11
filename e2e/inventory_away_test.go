//go:build linux

package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/e2e/booted"
	"picket.internal/fact"
)

// away stops everything that is Picket's, changes the host, and has both sides
// find out on their own. The sensor keeps nothing on disk: only the digests can
// tell that something happened.
func away(t *testing.T, host *booted.Host, hub *rig, ear *ear, fingerprint string) {
	host.Run(t, "systemctl", "stop", "picket-send", "picket-watch")
	ear.stop()
	hub.proc.stop(t)
	host.Run(t, "sh", "-ec", `
		userdel departs
		useradd -m arrives
		usermod -s /bin/sh alice
		: > /home/alice/.ssh/authorized_keys
		echo '1 1 * * * /usr/bin/true changed' | crontab -u alice -
		systemctl disable -q plain.service
		apt-get install -qy /root/kept_2.0.deb
		apt-get remove -qy gone
		rm /etc/sudoers.d/alice
		umount /mnt`)
	began := time.Now()
	hub.start()
	from := ear.heard()
	ear.listen(t, hub)
	host.Run(t, "systemctl", "start", "picket-watch", "picket-send")

	for _, d := range []struct {
		name  string
		shows func(*fact.Fact) bool
	}{
		{"a user was removed", func(f *fact.Fact) bool { return is(f, fact.KindUser, fact.Removed) && f.User.Name == "departs" }},
		{"a user was added", func(f *fact.Fact) bool { return is(f, fact.KindUser, fact.Added) && f.User.Name == "arrives" }},
		{"a user was changed", func(f *fact.Fact) bool {
			return is(f, fact.KindUser, fact.Changed) && f.User.Name == "alice" && f.User.Shell == "/bin/sh"
		}},
		{"a key was removed", func(f *fact.Fact) bool {
			return is(f, fact.KindSSHKey, fact.Removed) && f.SSHKey.Account == "alice" && f.SSHKey.Fingerprint == fingerprint
		}},
		{"a cron line went", aCronLine(fact.Removed, "/var/spool/cron/crontabs/alice", "alice", "/usr/bin/true hello")},
		{"a cron line came", aCronLine(fact.Added, "/var/spool/cron/crontabs/alice", "alice", "/usr/bin/true changed")},
		{"a unit was disabled", func(f *fact.Fact) bool {
			return is(f, fact.KindService, fact.Changed) && f.Service.Name == "plain.service" && f.Service.Enabled == "disabled"
		}},
		{"a package was upgraded", aPackage(fact.Changed, "kept", "2.0")},
		{"a package was removed", aPackage(fact.Removed, "gone", "1.0")},
		{"a sudoers rule was removed", func(f *fact.Fact) bool {
			return is(f, fact.KindSudoers, fact.Removed) && f.Sudoers.Path == "/etc/sudoers.d/alice"
		}},
		{"a file system was unmounted", func(f *fact.Fact) bool { return is(f, fact.KindMount, fact.Removed) && f.Mount.Path == "/mnt" }},
	} {
		took := ear.await(t, from, "while nobody watched "+d.name, began.Add(resync), d.shows).Sub(began)
		t.Logf("%-45s %6.2f s after both came back", d.name, took.Seconds())
	}
	inventories := awaitInStep(t, hub, began)
	t.Logf("every inventory is in step %v after both came back", time.Since(began).Round(time.Millisecond))
	agree(t, host, hub, inventories)
}

// resync is how long both sides may take to find out what they missed.
const resync = 40 * time.Second

// awaitInStep waits until the host has told of each of its inventories since
// then and the hub holds just that.
func awaitInStep(t *testing.T, hub *rig, since time.Time) map[fact.Kind]api.Inventory {
	t.Helper()
	c := hub.client()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(resync); ; <-tick.C {
		all := make(map[fact.Kind]api.Inventory)
		for one, err := range c.Inventories(t.Context(), theHost(t, hub)) {
			if err != nil {
				t.Fatalf("asking for inventories: %v", err)
			}
			all[fact.Kind(one.Kind)] = one
		}
		behind := slices.DeleteFunc(fact.Inventories(), func(k fact.Kind) bool {
			one := all[k]
			return one.State == api.InventoryInStep && one.Told.After(since) && one.Count == one.Claimed
		})
		if len(behind) == 0 {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("these inventories are not in step: %v\n%+v", behind, all)
		}
	}
}

// theHost is the id of the only host.
func theHost(t *testing.T, hub *rig) string {
	t.Helper()
	for one, err := range hub.client().Hosts(t.Context()) {
		if err != nil {
			t.Fatalf("listing hosts: %v", err)
		}
		return one.ID
	}
	t.Fatal("the hub knows no host")
	return ""
}

// agree holds what the hub says of the host, entity by entity, against what
// the host's own tools say.
func agree(t *testing.T, host *booted.Host, hub *rig, inventories map[fact.Kind]api.Inventory) {
	t.Helper()
	for kind, one := range inventories {
		if one.Omitted > 0 {
			t.Errorf("of %s %d are omitted: %s", kind, one.Omitted, one.Reason)
		}
	}
	generated := strings.Fields(host.Run(t, "sh", "-c", `systemctl list-unit-files -q --no-pager --state=enabled-runtime | awk '{ print $1 }'`))
	for _, side := range []struct {
		kind fact.Kind
		tool string // prints a line for each entity, as line does
		line func(*fact.Fact) string
	}{
		{kind: fact.KindUser, tool: `getent passwd | awk -F: '{ print $1, $3, $4, $6, $7 }'`, line: func(f *fact.Fact) string {
			return words(f.User.Name, f.User.ID, f.User.GroupID, f.User.Home, f.User.Shell)
		}},
		{kind: fact.KindGroup, tool: `getent group | awk -F: '{ print $1, $3, $4 }'`, line: func(f *fact.Fact) string {
			return words(f.Group.Name, f.Group.ID, strings.Join(f.Group.Members, ","))
		}},
		{kind: fact.KindPackage, tool: `dpkg-query -Wf '${db:Status-Status} ${Package} ${Version} ${Architecture}\n' | sed -n 's/^installed //p'`,
			line: func(f *fact.Fact) string { return words(f.Package.Name, f.Package.Version, f.Package.Architecture) }},
		{kind: fact.KindSSHKey, tool: `for file in /etc/ssh/*.pub /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys; do
				test ! -s "$file" || ssh-keygen -lf "$file" | awk -v file="${file%.pub}" '{ print $2, file }'
			done`,
			line: func(f *fact.Fact) string {
				return words(f.SSHKey.Fingerprint, strings.TrimSuffix(f.SSHKey.Path, ".pub"))
			}},
		// An instance of a template is no file of its own, and what a generator
		// enables for this boot alone the source leaves as its file has it.
		{kind: fact.KindService, tool: `systemctl list-unit-files -q --no-pager --type=service,socket,timer |
				awk '{ print $1, $2 == "enabled-runtime" ? "" : $2 }'`,
			line: func(f *fact.Fact) string {
				s := f.Service
				if _, instance, is := strings.Cut(s.Name, "@"); is && !strings.HasPrefix(instance, ".") {
					return ""
				}
				if slices.Contains(generated, s.Name) {
					return s.Name
				}
				return words(s.Name, s.Enabled)
			}},
	} {
		var held []string
		for one, err := range hub.client().Inventory(t.Context(), theHost(t, hub), string(side.kind)) {
			if err != nil {
				t.Fatalf("asking for the %ss: %v", side.kind, err)
			}
			f, err := fact.FromState(side.kind, one.State, "")
			if err != nil {
				t.Fatal(err)
			}
			if line := side.line(f); line != "" {
				held = append(held, line)
			}
		}
		want := strings.Split(strings.TrimSpace(host.Run(t, "sh", "-ec", side.tool)), "\n")
		for i := range want {
			want[i] = words(want[i])
		}
		if diff := cmp.Diff(sorted(want), sorted(held)); diff != "" {
			t.Errorf("the host has other %ss than the hub holds (- host, + hub):\n%s", side.kind, diff)
			continue
		}
		t.Logf("%d of kind %s: both sides agree on each", len(held), side.kind)
	}
}

func words(s ...string) string { return strings.TrimSpace(strings.Join(s, " ")) }

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
