package api_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	types "picket.internal/api"
	"picket.internal/hub/internal/api/apitest"
)

// A fact is found by its id among others of its time, and only there.
func TestClientFindsAFact(t *testing.T) {
	h := newHub(t)
	c := newClient(t, h.token)
	for n := range 5 {
		f := apitest.CanaryFact(n, "")
		f.ID = ulid.MustNew(ulid.Timestamp(f.Time.Add(time.Minute)), nil).String()
		h.AddFact(apitest.Stored(f))
	}
	want := apitest.CanaryFact(3, "")
	want.ID = ulid.MustNew(ulid.Timestamp(want.Time.Add(time.Minute)), nil).String()
	got, err := c.Fact(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(string(apitest.Raw(want)), string(got.Fact)); diff != "" {
		t.Errorf("fact: -want +got\n%s", diff)
	}
	for id, cause := range map[string]error{
		ulid.MustNew(ulid.Timestamp(want.Time.Add(time.Hour)), nil).String(): types.ErrNotFound,
		ulid.MustNew(ulid.Timestamp(want.Time), nil).String():                types.ErrNotFound,
		"x": types.ErrMalformed,
	} {
		if _, err := c.Fact(t.Context(), id); !errors.Is(err, cause) {
			t.Errorf("%s: %v, wanted %v", id, err, cause)
		}
	}
	kinds := all(t, c.HostKinds(t.Context()))
	if diff := cmp.Diff([]types.HostKind{{HostID: apitest.HostID(1), Kind: "canary", Last: apitest.CanaryFact(4, "").Time}}, kinds); diff != "" {
		t.Errorf("kinds: -want +got\n%s", diff)
	}
}
