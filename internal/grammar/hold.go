package grammar

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// Hold compares the files in packaging, a folder, with what follows from the
// grammar now, or writes them anew where the test has -update.
func Hold(t *testing.T, packaging string, app *kong.Application, p Page) {
	t.Helper()
	files := map[string]string{
		filepath.Join("man", fmt.Sprintf("%s.%d", app.Name, p.Section)): Man(app, p),
		filepath.Join("completions", app.Name+".bash"):                  Bash(app),
		filepath.Join("completions", "_"+app.Name):                      Zsh(app),
		filepath.Join("completions", app.Name+".fish"):                  Fish(app),
	}
	update := flag.Lookup("update")
	for name, want := range files {
		path := filepath.Join(packaging, name)
		if update != nil && update.Value.String() == "true" {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(got), want); diff != "" {
			t.Errorf("%s is not what the command line is now; go test -update writes it:\n%s", path, diff)
		}
	}
}
