package replay_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/replay"
)

func factsFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "facts.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func bare(n int, when time.Time) string {
	return fmt.Sprintf(`{"id":"01J%023d","time":%q,"kind":"process","host":{"id":"h_1"},"seq":%d,"process":{"action":"start","pid":%d}}`, n, when.Format(time.RFC3339Nano), n, n)
}

func stored(n int, received, when time.Time) string {
	return fmt.Sprintf(`{"cursor":"x","received":%q,"batch":{"session":"s","seq":1,"digest":"d"},"fact":%s}`, received.Format(time.RFC3339Nano), bare(n, when))
}

// Whatever the order of a file, the replay's is that of the log.
func TestFileIsPutInOrder(t *testing.T) {
	f, err := replay.OpenFile(factsFile(t,
		stored(5, noon.Add(4*time.Minute), noon), "", stored(4, noon.Add(3*time.Minute), noon.Add(time.Hour)),
		bare(3, noon.Add(2*time.Minute))+"\r", "   ", stored(2, noon.Add(time.Minute), noon), stored(1, noon.Add(time.Minute), noon)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read := func(since, until time.Time) (pids []int64) {
		for items, err := range f.Pages(since, until) {
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				pids = append(pids, it.Fact.Process.PID)
			}
		}
		return pids
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 4, 5}, read(time.Time{}, time.Time{})); diff != "" || f.Len() != 5 {
		t.Errorf("%d facts, -want +got\n%s", f.Len(), diff)
	}
	if diff := cmp.Diff([]int64{3, 4}, read(noon.Add(2*time.Minute), noon.Add(4*time.Minute))); diff != "" {
		t.Errorf("within bounds: -want +got\n%s", diff)
	}
}

func TestFileNamesTheLineThatIsNoFact(t *testing.T) {
	for name, tc := range map[string]struct{ line, want string }{
		"no JSON":          {`{"id":`, "facts.jsonl:2: "},
		"no fact":          {`{"a":1}`, "neither a fact nor a stored fact"},
		"a fact within":    {`{"received":"2026-01-01T00:00:00Z","fact":{"kind":"x"}}`, "facts.jsonl:2: "},
		"a line too long":  {strings.Repeat(" ", 300<<10), "a line of more than 262144 bytes"},
		"a name twice":     {`{"kind":"a","kind":"b"}`, "facts.jsonl:2: "},
		"a list":           {`[]`, "facts.jsonl:2: "},
		"nothing received": {`{"received":"yesterday","fact":{}}`, "facts.jsonl:2: "},
	} {
		if f, err := replay.OpenFile(factsFile(t, bare(1, noon), tc.line)); f != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := replay.OpenFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
