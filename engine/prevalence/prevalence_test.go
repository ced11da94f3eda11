package prevalence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/prevalence"
	"picket.internal/fact"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func run(host string, hash int, path string) *fact.Fact {
	return &fact.Fact{Kind: fact.KindProcess, Host: fact.Host{ID: host},
		Process: &fact.Process{Executable: path, Hash: &fact.Hash{SHA256: fmt.Sprintf("%064x", hash)}}}
}

// A table that begins with nothing learns from the facts alone; the hub's tests
// hold one that is backed by a store to the same answers.
func TestFromNothing(t *testing.T) {
	table := prevalence.New(nil, 100)
	for i, step := range []struct {
		host string
		hash int
		want fact.Prevalence
	}{
		{"a", 1, fact.Prevalence{Hosts: 1, FirstInFleet: true, FirstOnHost: true}},
		{"a", 1, fact.Prevalence{Hosts: 1}},
		{"b", 1, fact.Prevalence{Hosts: 2, FirstOnHost: true}},
		{"a", 2, fact.Prevalence{Hosts: 1, FirstInFleet: true, FirstOnHost: true, PreviousSHA256: fmt.Sprintf("%064x", 1)}},
	} {
		got, _, err := table.Observe(t.Context(), run(step.host, step.hash, "/bin/x"), noon.Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&step.want, got); diff != "" {
			t.Errorf("step %d: -want +got\n%s", i, diff)
		}
	}
	if n := table.Forgotten(); n != 0 {
		t.Errorf("%d forgotten, want none", n)
	}
}

// Memory is bounded, and what that costs is counted.
func TestForgettingIsCounted(t *testing.T) {
	table := prevalence.New(nil, 10)
	for i := range 30 {
		if _, _, err := table.Observe(t.Context(), run("a", i+1, fmt.Sprintf("/bin/%d", i)), noon); err != nil {
			t.Fatal(err)
		}
	}
	if n := table.Forgotten(); n != 60 {
		t.Errorf("%d forgotten, want 20 of each of three", n)
	}
}

// A hash that is none teaches nothing: neither too short nor too long a one.
func TestWhatIsNoHash(t *testing.T) {
	table := prevalence.New(nil, 10)
	for _, sum := range []string{"", "ab", "zz", fmt.Sprintf("%066x", 1), fmt.Sprintf("%063x", 1)} {
		f := run("a", 1, "/bin/x")
		f.Process.Hash.SHA256 = sum
		if p, x, err := table.Observe(t.Context(), f, noon); p != nil || x != nil || err != nil {
			t.Errorf("%q: %v %v %v, want nothing", sum, p, x, err)
		}
	}
}
