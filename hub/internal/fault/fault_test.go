package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"picket.internal/hub/internal/fault"
)

func TestFaultsMatchByID(t *testing.T) {
	err := fmt.Errorf("storing: %w", fault.BatchFork.With("number %d", 9))
	if !errors.Is(err, fault.BatchFork) || errors.Is(err, fault.StoreFull) {
		t.Errorf("%v does not match itself alone", err)
	}
	f := fault.Of(err)
	if f.Status != 409 || f.Error() != "batch.fork: number 9" || fault.BatchFork.Detail != "" {
		t.Errorf("fault is %+v", f)
	}
	if f := fault.Of(errors.New("open /secret: no such file")); f != fault.Internal || f.Detail != "" {
		t.Errorf("an error of the hub's own shows as %v", f)
	}
	if f := fault.As("env.malformed", 400, errors.New("env.malformed: no JSON")); f.Error() != "env.malformed: no JSON" || f.Status != 400 {
		t.Errorf("a foreign error shows as %v", f)
	}
}
