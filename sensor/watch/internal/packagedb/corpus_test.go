//go:build linux

package packagedb

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/internal/testneed"
)

// TestUbuntu1804 puts the packages of a real Ubuntu 18.04, as its dpkg -l told
// them, into a status file, in the states they have there.
func TestUbuntu1804(t *testing.T) {
	dir := testneed.Corpus(t, "host-command-output")
	for _, name := range []string{"dpkg-l-columns500.json", "dpkg-l-codes.json"} {
		data, err := os.ReadFile(filepath.Join(dir, "ubuntu-18.04", name))
		if err != nil {
			t.Fatal(err)
		}
		var told []struct{ Name, Version, Architecture, Desired, Status string }
		if err := json.Unmarshal(data, &told); err != nil {
			t.Fatal(err)
		}
		var status strings.Builder
		want := make(map[string]bool)
		for _, p := range told {
			bare, _, _ := strings.Cut(p.Name, ":") // libc6:amd64
			state := strings.NewReplacer("trigger await", "triggers-awaited", "trigger pending", "triggers-pending", " ", "-").Replace(p.Status)
			fmt.Fprintf(&status, "Package: %s\nStatus: %s ok %s\nArchitecture: %s\nVersion: %s\nDescription: x\n y\n\n",
				bare, p.Desired, state, p.Architecture, p.Version)
			if state == "installed" || strings.HasPrefix(state, "half") || strings.HasPrefix(state, "trigger") || state == "unpacked" {
				want[bare+" "+p.Version+" "+p.Architecture] = true
			}
		}
		h := newHost(t)
		h.put(dpkgDir+"/status", status.String())
		found, problems := h.db().Packages(t.Context(), 10_000)
		if len(found) != len(want) || len(want) == 0 || len(problems) != 0 {
			t.Errorf("%s: %d packages, want %d; problems %v", name, len(found), len(want), problems)
		}
		for _, p := range found {
			if !want[p.Name+" "+p.Version+" "+p.Architecture] {
				t.Errorf("%s: %+v is not among them", name, p)
			}
		}
	}
}
