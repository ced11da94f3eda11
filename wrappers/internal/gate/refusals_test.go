//go:build linux

package gate

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Who reads an id at night finds it in docs/formats.md, with what to do; and no
// id is there that nothing says.
func TestEveryRefusalIsInTheFormats(t *testing.T) {
	page, err := os.ReadFile("../../../docs/formats.md")
	must(t, err)
	rows := regexp.MustCompile("(?m)^\\| `([a-z]+\\.[a-z_]+)` \\|")
	_, rest, found := strings.Cut(string(page), "\n### The wrapper\n")
	own, _, ends := strings.Cut(rest, "\n### ")
	if !found || !ends {
		t.Fatal("docs/formats.md has no section \"The wrapper\"")
	}
	on := map[string]bool{}
	for _, row := range rows.FindAllStringSubmatch(string(page), -1) {
		on[row[1]] = true
	}
	said := refusals(t)
	for id, at := range said {
		if !on[id] {
			t.Errorf("%s: %s is not in docs/formats.md", at, id)
		}
	}
	for _, row := range rows.FindAllStringSubmatch(own, -1) {
		if said[row[1]] == "" {
			t.Errorf("docs/formats.md: nothing says %s", row[1])
		}
	}
}

// refusals are the ids in the source of what runs as root, and where each is.
func refusals(t *testing.T) map[string]string {
	t.Helper()
	id := regexp.MustCompile(`^(wrapper|state|trust|lease|action|attest|quar|kill|net|account|sshkey|service|evidence|policy|eat)\.[a-z_]+$`)
	out := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, _ := strconv.Unquote(lit.Value); id.MatchString(text) && text != memoryFile {
					out[text] = set.Position(lit.Pos()).String()
				}
			}
			return true
		})
		return nil
	})
	must(t, err)
	if len(out) < 40 {
		t.Fatalf("%d ids are found in the source: the test does not see them", len(out))
	}
	return out
}
