//go:build linux

package gate

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/internal/testneed"
)

// FuzzLedgerEntry: whatever a crash or a bad disk left of an entry is read as
// what it says, or it is an error and nothing may be done. It is never passed
// over, for then a token could be spent twice.
func FuzzLedgerEntry(f *testing.F) {
	testneed.Root(f)
	good, err := (&entry{Token: eattest.TokenID, SHA256: "00", Action: "noop", Counter: 7, At: eattest.Now, Stage: stageSpent, Args: []byte(`{}`)}).encode()
	must(f, err)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{"v":1,"token":"` + eattest.TokenID + `"}`))
	f.Add([]byte{})
	dir := f.TempDir()
	must(f, os.Mkdir(filepath.Join(dir, "ledger"), 0o700))
	path := filepath.Join(dir, "ledger", eattest.TokenID)
	f.Fuzz(func(t *testing.T, data []byte) {
		must(t, os.WriteFile(path, data, 0o600))
		state, err := openFolder(filepath.Dir(dir), filepath.Base(dir))
		must(t, err)
		defer state.f.Close()
		l, err := openLedger(state, eat.Counters{})
		if err != nil {
			return
		}
		defer l.dir.f.Close()
		e := l.entries[eattest.TokenID]
		if e == nil {
			t.Fatalf("%q was passed over", data)
		}
		if !l.Used(eattest.TokenID, "") || l.Counters().High != e.Counter {
			t.Errorf("%q counts for nothing: %+v", data, e)
		}
		again, err := e.encode()
		must(t, err)
		must(t, os.WriteFile(path, again, 0o600))
		twice, err := openLedger(state, eat.Counters{})
		must(t, err)
		defer twice.dir.f.Close()
		third, err := twice.entries[eattest.TokenID].encode()
		if err != nil || !bytes.Equal(third, again) {
			t.Errorf("%q is written as %q and then as %q", data, again, third)
		}
	})
}
