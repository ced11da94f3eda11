package reload_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/reload"
)

// What is handed on is exactly what was read: from it, the same set is loaded
// again anywhere.
func TestCheckFilesKeepsWhatWasLoaded(t *testing.T) {
	dir := fstest.MapFS{
		"a.yaml":         {Data: []byte(ruleNamed("a.rule"))},
		"below/b.yaml":   {Data: []byte(ruleNamed("b.rule"))},
		"notes.txt":      {Data: []byte("no rule reads me")},
		".hidden/c.yaml": {Data: []byte("broken: [")},
	}
	set, files, findings := reload.CheckFiles(dir)
	if set == nil {
		t.Fatal(findings)
	}
	want := map[string][]byte{"a.yaml": dir["a.yaml"].Data, "below/b.yaml": dir["below/b.yaml"].Data}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	again := fstest.MapFS{}
	for name, data := range files {
		again[name] = &fstest.MapFile{Data: data}
	}
	if copied, _, _ := reload.CheckFiles(again); copied == nil || copied.Version() != set.Version() {
		t.Error("the files do not make the same set")
	}
}

// A large set is read by many goroutines at once, and each file is kept.
func TestCheckFilesOfALargeSet(t *testing.T) {
	folder := fstest.MapFS{}
	for i := range 300 {
		name := fmt.Sprintf("r%d.yaml", i)
		folder[name] = &fstest.MapFile{Data: fmt.Appendf(nil, "id: r%d\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: process.pid == %d\n", i, i)}
	}
	for range 20 {
		set, files, findings := reload.CheckFiles(folder)
		if set == nil || len(files) != len(folder) {
			t.Fatalf("%d files of %d, %v", len(files), len(folder), findings.Err())
		}
	}
}
