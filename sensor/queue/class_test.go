package queue

import (
	"testing"

	"picket.internal/fact"
)

// What gives somebody rights goes before packages do, and never before what was
// said of it earlier; what is only seen is brought back by the digest.
func TestClassOfInventories(t *testing.T) {
	for _, k := range []fact.Kind{fact.KindUser, fact.KindGroup, fact.KindSSHKey, fact.KindSudoers, fact.KindSchedule, fact.KindModule, fact.KindFile} {
		for action, want := range map[string]class{fact.Seen: inventory, fact.Added: process, fact.Changed: process, fact.Removed: process} {
			f, err := fact.FromState(k, []byte("{}"), action)
			if err != nil {
				t.Fatal(err)
			}
			if got := classOf(f); got != want {
				t.Errorf("%s %s is %v, want %v", k, action, got, want)
			}
		}
	}
	for _, k := range []fact.Kind{fact.KindPackage, fact.KindService, fact.KindListener, fact.KindMount} {
		if f, _ := fact.FromState(k, []byte("{}"), fact.Added); classOf(f) != inventory {
			t.Errorf("%s is %v", k, classOf(f))
		}
	}
}
