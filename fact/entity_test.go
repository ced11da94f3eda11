package fact_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
)

func TestEntity_StateLeadsBackToTheFact(t *testing.T) {
	for _, f := range []*fact.Fact{
		{Kind: fact.KindPackage, Package: &fact.Package{Action: fact.Changed, Name: "curl", Version: "8", Type: "deb", PreviousVersion: "7"}},
		{Kind: fact.KindService, Service: &fact.Service{Action: fact.Added, Name: "ssh.service", Manager: "systemd", State: "active"}},
		{Kind: fact.KindListener, Listener: &fact.Listener{Action: fact.Added, Transport: "tcp", Type: "ipv4", Address: "::", Port: 22}},
		{Kind: fact.KindUser, User: &fact.User{Action: fact.Added, Name: "root", ID: "0"}},
		{Kind: fact.KindGroup, Group: &fact.Group{Action: fact.Added, Name: "sudo", Members: []string{"a"}}},
		{Kind: fact.KindSSHKey, SSHKey: &fact.SSHKey{Action: fact.Added, Fingerprint: "SHA256:x", Path: "/a"}},
		{Kind: fact.KindMount, Mount: &fact.Mount{Action: fact.Added, Path: "/", Type: "ext4", Source: "/dev/vda1"}},
		{Kind: fact.KindModule, Module: &fact.Module{Action: fact.Added, Name: "nf_tables", Size: 1 << 60}},
		{Kind: fact.KindSchedule, Schedule: &fact.Schedule{Action: fact.Added, Type: "cron", When: "@reboot", Command: "x"}},
		{Kind: fact.KindSudoers, Sudoers: &fact.Sudoers{Action: fact.Added, Path: "/etc/sudoers", Text: "a"}},
		{Kind: fact.KindFile, File: &fact.File{Action: fact.Added, Path: "/etc/x"}},
	} {
		t.Run(string(f.Kind), func(t *testing.T) {
			e, ok, err := f.Entity()
			if err != nil || !ok {
				t.Fatalf("entity: %v, %v", ok, err)
			}
			back, err := fact.FromState(e.Kind, e.State, fact.Removed)
			if err != nil {
				t.Fatal(err)
			}
			if back.Action() != fact.Removed {
				t.Errorf("action is %q", back.Action())
			}
			again, _, err := back.Entity()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, again); diff != "" {
				t.Errorf("another entity (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromState_TakesNoOtherKindAndNoBrokenState(t *testing.T) {
	if _, err := fact.FromState(fact.KindProcess, []byte("{}"), fact.Seen); err == nil {
		t.Error("a process is no entity")
	}
	if _, err := fact.FromState(fact.KindPackage, []byte(`{"name":`), fact.Seen); err == nil {
		t.Error("half a state was taken")
	}
}
